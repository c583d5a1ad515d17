"""A model that only pretends: noise that depends on text, seed and voice alone, in real frames, in the real worker.

What it does is written in the text it should speak, so that a test says what it wants where it submits it:

    [hold:NAME]    after the first frame, wait until the file NAME is in the control folder
    [die:NAME]     after the first frame, kill the worker, unless the file NAME is there; it is made first
    [die]          kill the worker, always
    [hang:NAME]    stop answering, unless the file NAME is there; it is made first
    [error]        end with an error
    [length]       end at the limit
    [length:NAME]  end at the limit, unless the file NAME is there; it is made first
    [short]        give 80 ms, and end as if that were all
    [short:NAME]   the same, unless the file NAME is there; it is made first
    [empty]        give no audio
    [mute:NAME]    give silence instead, unless the file NAME is there; it is made first
    [rest:MS]      begin and end with this many milliseconds of silence
    [long]         100 frames more

Run as the worker: `python -m tests.support.fakes CONTROL_FOLDER [CAPACITY] [GFLOPS]`.
"""

import os
import re
import signal
import sys
import time
from collections.abc import Sequence
from functools import lru_cache
from hashlib import shake_128
from pathlib import Path

from app.inference.model import FinishReason, Frame, Lane, ModelCard, Utterance
from app.inference.processor import Processor
from app.models.spec import ModelSpec, Preset
from app.text.duration import speaking_seconds
from app.workers.synthesis.main import main

FRAME_BYTES = 28_800  # 600 ms
FRAME_SAYS_S = 2.0  # what a calm speaker would need for a frame's words: it speaks as fast as it may
SHORT_BYTES = 3_840  # 80 ms
VOICE_ID = "11111111-1111-4111-8111-111111111111"
OTHER_VOICE_ID = "22222222-2222-4222-8222-222222222222"

_COMMAND = re.compile(r"\[(\w+)(?::(\w+))?\]")


@lru_cache(maxsize=16)
def fake_pcm(utterance: Utterance) -> bytes:
    """All audio of an utterance."""
    commands = dict(_COMMAND.findall(utterance.text))
    if "empty" in commands:
        return b""
    frames = 1 + int(speaking_seconds(utterance.text) / FRAME_SAYS_S) + (100 if "long" in commands else 0)
    key = f"{utterance.text}|{utterance.seed}|{utterance.voice.name}|{utterance.language}".encode()
    rest = bytes(48 * int(commands.get("rest", 0)))
    return rest + shake_128(key).digest(frames * FRAME_BYTES) + rest


class FakeModel:
    """Serves speak before render, one frame of one utterance a step."""

    def __init__(self, control: Path, capacity: int, gflops: float | None = None) -> None:
        self.capacity = capacity
        self.processor = Processor("cpu") if gflops is None else Processor("cpu", "BLAS of tests", gflops)
        self._control = control
        self._work: list[tuple[Utterance, int]] = []
        self._canceled: set[int] = set()
        self._muted: set[int] = set()

    def add(self, utterances: Sequence[Utterance]) -> None:
        self._work += [(utterance, 0) for utterance in utterances]
        self._work.sort(key=lambda entry: entry[0].lane is not Lane.SPEAK)  # stable: first come, first served

    def cancel(self, utterance_id: int) -> None:
        self._canceled.add(utterance_id)

    def step(self) -> Sequence[Frame]:
        for place, (utterance, _) in enumerate(self._work):
            if utterance.id in self._canceled:
                return [self._end(place, FinishReason.CANCELED)]
        for place in range(len(self._work)):
            frame = self._frame(place)
            if frame is not None:
                return [frame]
        time.sleep(0.004)  # everything is held
        return []

    def _frame(self, place: int) -> Frame | None:
        utterance, position = self._work[place]
        commands = dict(_COMMAND.findall(utterance.text))
        if "error" in commands:
            return self._end(place, FinishReason.ERROR, error="the fake was asked to fail")
        pcm = fake_pcm(utterance)
        if "mute" in commands and not position and self._first(commands["mute"]):
            self._muted.add(utterance.id)
        if muted := utterance.id in self._muted:
            pcm = bytes(len(pcm))
        if "short" in commands and not position and self._first(commands["short"]):
            return self._end(place, FinishReason.STOP, pcm=pcm[:SHORT_BYTES])
        if position:
            if "hold" in commands and not muted and not (self._control / commands["hold"]).exists():
                return None
            if "die" in commands and self._first(commands["die"]):
                os.kill(os.getpid(), signal.SIGKILL)
            if "hang" in commands and self._first(commands["hang"]):
                time.sleep(3600)
            if "length" in commands and self._first(commands["length"]):
                return self._end(place, FinishReason.LENGTH)
        if position >= len(pcm):
            return self._end(place, FinishReason.STOP)
        self._work[place] = (utterance, position + FRAME_BYTES)
        return Frame(utterance.id, pcm[position : position + FRAME_BYTES])

    def _first(self, name: str) -> bool:
        """Without a name always; with one, only while its file does not exist."""
        if not name:
            return True
        try:
            (self._control / name).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def _end(self, place: int, reason: FinishReason, *, pcm: bytes = b"", error: str = "") -> Frame:
        utterance, _ = self._work.pop(place)
        self._canceled.discard(utterance.id)
        return Frame(utterance.id, pcm, final=True, finish_reason=reason, error=error)

    def close(self) -> None:
        pass


def fake_entry(
    control: Path, *, capacity: int = 4, native: frozenset[str] = frozenset(), gflops: str = ""
) -> ModelSpec:
    """The fake as the engine sees it. `gflops` is how fast it says that it multiplies."""
    return ModelSpec(
        card=ModelCard(
            model_id="fake",
            languages=("en",),
            native_settings=native,
            supports_clone=True,
            streams=True,
        ),
        presets=lambda: [
            Preset(VOICE_ID, "one", "Voice One", "en"),
            Preset(OTHER_VOICE_ID, "two", "Voice Two", ""),
        ],
        check_language=lambda _name, _language: None,
        command=(sys.executable, "-P", "-m", "tests.support.fakes", str(control), str(capacity), gflops),
    )


if __name__ == "__main__":
    sys.exit(
        main(
            lambda: FakeModel(
                Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) if sys.argv[3:] and sys.argv[3] else None
            )
        )
    )
