"""What files in other formats cost a render."""

import time
from contextlib import closing

from bench.engine import SERVE_PACED, Client, engine
from bench.figures import Measurement, ratios, rounds_of
from bench.paced import CHARACTERS_PER_S
from bench.paced_engine import VOICE_ID
from bench.process import cpu_seconds, scratch
from bench.prose import prose

RENDERS = 8
THREE = ["mp3", "opus", "m4a"]


def formats(*, quick: bool) -> Measurement:
    """Eight renders at once, from the first POST to the last `completed`: as WAV, and as WAV, MP3, Opus and M4A.

    The model speaks 80 ms of audio for each of the eight rows every 80 ms, in the worker's process, under the real
    worker loop: the pace of Qwen3-TTS where it just keeps up with eight listeners. The jobs have the same text, of
    90 seconds, in chunks of up to 400 characters; all eight last chunks are committed, and encoded, at once. In
    turns, after a short render that is not counted. Processor time is that of the engine's process alone, all its
    threads, for each second of audio.
    """
    seconds = 2.0 if quick else 90.0
    took: dict[str, list[float]] = {"WAV": [], "four": []}
    spent: dict[str, list[float]] = {"WAV": [], "four": []}
    text = prose(round(seconds * CHARACTERS_PER_S))[: round(seconds * CHARACTERS_PER_S)]
    with (
        scratch() as folder,
        engine(folder / "data", (*SERVE_PACED, str(RENDERS))) as running,
        closing(running.client()) as client,
    ):
        _rendered(client, text[:40], ["wav", *THREE])
        for _ in range(1 if quick else 3):
            for name, wanted in (("WAV", ["wav"]), ("four", ["wav", *THREE])):
                before = cpu_seconds(running.pid)
                wall_s, audio_s = _rendered(client, text, wanted)
                took[name].append(wall_s)
                spent[name].append(1000 * (cpu_seconds(running.pid) - before) / audio_s)
    return Measurement(
        figures=[
            rounds_of("8 renders, WAV alone", took["WAV"], unit="s"),
            rounds_of("8 renders, three formats more", took["four"], unit="s"),
            rounds_of("three formats more / WAV alone", ratios(took["four"], took["WAV"]), at_most=1.15),
            rounds_of("engine, each second of audio, WAV", spent["WAV"], unit="ms"),
            rounds_of("the same, three formats more", spent["four"], unit="ms"),
        ],
        details={"seconds_of_audio_each": seconds, "renders": RENDERS, "formats": THREE},
    )


def _rendered(client: Client, text: str, wanted: list[str]) -> tuple[float, float]:
    """How long all of them took, and how much audio they have."""
    started = time.perf_counter()
    body = {"voice_id": VOICE_ID, "text": text, "formats": wanted}
    waiting = [client.post("/v1/jobs", body)["job_id"] for _ in range(RENDERS)]
    audio_s = 0.0
    for job_id in waiting:
        while (job := client.get(f"/v1/jobs/{job_id}"))["status"] in ("queued", "running"):
            time.sleep(0.02)
        assert job["status"] == "completed", job
        audio_s += job["progress"]["audio_seconds"]
    return time.perf_counter() - started, audio_s
