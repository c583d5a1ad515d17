"""A job as a listener has it: what the WebSocket brings must be what is in the file, and must not be silence.

It knows no model.
"""

import base64
import io
import wave
from array import array
from math import log10
from typing import Any, NamedTuple

from app import SAMPLE_RATE
from app.selftest.check import Wrong, form
from app.selftest.sidecar import SidecarEngine

#: RMS. Speech is 30 dB louder, and the noise of a bad resampler 30 dB softer.
MIN_DBFS = -60.0


class SpokenJob(NamedTuple):
    """What came out of a job."""

    seconds: float
    dbfs: float


def spoken(engine: SidecarEngine, body: dict[str, Any]) -> SpokenJob:
    """Submit a job, listen to it, download it. Raises `Wrong`, or OSError."""
    job_id = engine.ask("POST", "/jobs", body, status=201)[0]["job_id"]
    streamed = bytearray()
    for event in engine.events(job_id):
        if event["type"] == "AUDIO_CHUNK":
            streamed += base64.b64decode(event["audio"]["data_base64"])
        if event["type"] in ("JOB_ERROR", "JOB_CANCELED"):
            raise Wrong(f"it does not speak: {_why(engine, job_id)}", form().remedy)
    samples = _samples(engine.ask("GET", f"/jobs/{job_id}/audio")[1])
    if samples != bytes(streamed):
        raise Wrong(
            f"the stream has {len(streamed) // 2} samples and the file {len(samples) // 2}, or they differ",
            "this is a mistake in the engine; report it",
        )
    heard = SpokenJob(len(samples) / 2 / SAMPLE_RATE, _dbfs(samples))
    if heard.dbfs < MIN_DBFS:
        raise Wrong(f"{heard.seconds:.1f} s of silence instead of speech ({heard.dbfs:.0f} dBFS)", form().remedy)
    return heard


def _why(engine: SidecarEngine, job_id: str) -> str:
    error: dict[str, Any] | None = engine.ask("GET", f"/jobs/{job_id}")[0]["error"]
    said = "it does not say why" if error is None else f"{error['code']}: {error['message']}"
    return f"{said}{engine.last_words()}"


def _samples(wav: bytes) -> bytes:
    with wave.open(io.BytesIO(wav)) as file:
        shape = (file.getnchannels(), file.getsampwidth(), file.getframerate())
        if shape != (1, 2, SAMPLE_RATE):
            raise Wrong(
                f"the file has {shape} instead of one channel of 16 bits at {SAMPLE_RATE} Hz", form().remedy
            )
        return file.readframes(file.getnframes())


def _dbfs(pcm: bytes) -> float:
    samples = array("h", pcm)
    power = sum(sample * sample for sample in samples) / max(len(samples), 1)
    return 10 * log10(max(power, 1e-9) / 32_768**2)
