"""The bare model loop: a process with the model and nothing else. `python -m bench.bare PLAN`.

PLAN is a JSON file with utterances. Each line on standard input is one round; one line of JSON comes back for it.
"""

import sys
import time
from pathlib import Path

import msgspec
from msgspec import Struct

from app.inference.espeak_voices import espeak_voices
from app.inference.model import Lane, Utterance, VoiceKind, VoiceSpec
from app.scheduler.attempts import chunk_seed
from app.text.chunking import chunk_text
from app.text.spoken import spoken_text
from app.workers.synthesis.espeak.model import Espeak

VOICE = "en-us"


class Round(Struct, frozen=True):
    """One go through all utterances."""

    wall_s: float
    cpu_s: float
    pcm_bytes: int


def voice_id() -> str:
    """The id of the voice that speaks here and in the engine."""
    return next(voice.voice_id for voice in espeak_voices() if voice.name == VOICE)


def utterances(text: str, *, seed: int) -> list[Utterance]:
    """What the engine makes of a render job with this text and seed."""
    return [
        Utterance(
            id=chunk.index + 1,
            text=spoken_text(text[chunk.start_char : chunk.end_char]),
            voice=VoiceSpec(VoiceKind.PRESET, name=VOICE),
            lane=Lane.RENDER,
            seed=chunk_seed(seed, chunk.index, 0),
        )
        for chunk in chunk_text(text)
    ]


def speak(model: Espeak, plan: list[Utterance]) -> Round:
    """Add everything, step until the last final frame."""
    started, cpu = time.perf_counter(), time.process_time()
    model.add(plan)
    left, pcm_bytes = len(plan), 0
    while left:
        for frame in model.step():
            pcm_bytes += len(frame.pcm)
            left -= frame.final
    return Round(time.perf_counter() - started, time.process_time() - cpu, pcm_bytes)


def main(plan_file: str) -> None:
    """Serve rounds until standard input ends."""
    plan = msgspec.json.decode(Path(plan_file).read_bytes(), type=list[Utterance])
    model = Espeak()
    for _ in sys.stdin:
        print(msgspec.json.encode(speak(model, plan)).decode(), flush=True)
    model.close()


if __name__ == "__main__":
    main(sys.argv[1])
