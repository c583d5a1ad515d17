"""Files of sound: libsndfile and FFmpeg write them here, and the process that reads recordings reads them, locked
up as it is. A frozen program must not have to open a file by then.
"""

# soundfile and PyAV leave much unknown.
# pyright: reportMissingTypeStubs=false

import asyncio
import io
from collections.abc import Callable
from functools import partial
from math import log10
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from app import SAMPLE_RATE
from app.audio.recordings.decoder import RecordingDecoder
from app.errors import InvalidAudio
from app.process.executable import program
from app.selftest.check import Place, Wrong, form

Samples = NDArray[np.float32]

SECONDS, RATE, HERTZ, PEAK = 2.0, 48_000, 440.0, 0.3

#: Seconds after the beginning and before the end: the tone pauses there, as a steady one is not taken for speech.
PAUSE = 0.15, 0.3

#: How far a level may be from the tone's. Its middle is whole, so nothing is lost but by what compresses.
NEAR_DB = 1.0


def look(_: Place) -> str:
    """Which kinds were written and read."""
    time = np.arange(round(SECONDS * RATE)) / RATE
    from_end = np.minimum(time, SECONDS - time)
    sound = (from_end < PAUSE[0]) | (from_end > PAUSE[1])
    tone = (PEAK * np.sin(2 * np.pi * HERTZ * time) * sound).astype(np.float32)
    kinds: dict[str, Callable[[Samples], bytes]] = {
        "WAV": partial(_by_libsndfile, format="WAV"),
        "FLAC": partial(_by_libsndfile, format="FLAC"),
        "Ogg": partial(_by_libsndfile, format="OGG"),
        "MP3": partial(_by_ffmpeg, format="mp3", codec="mp3"),
        "AAC": partial(_by_ffmpeg, format="ipod", codec="aac"),
        "Opus": partial(_by_ffmpeg, format="ogg", codec="libopus"),
    }
    asyncio.run(_read_all({name: _written(name, write, tone) for name, write in kinds.items()}))
    return f"{', '.join(kinds)}: written, read, and resampled to {SAMPLE_RATE} Hz"


def _written(name: str, write: Callable[[Samples], bytes], tone: Samples) -> bytes:
    try:
        return write(tone)
    except ImportError:
        raise
    except Exception as error:  # of libraries, each with errors of its own
        raise Wrong(f"{name} cannot be written: {error}", form().remedy) from error


async def _read_all(files: dict[str, bytes]) -> None:
    listener = RecordingDecoder(program("decode"))
    for name, data in files.items():
        try:
            recording = await listener.listen(data, normalize=False)
        except InvalidAudio as error:
            raise Wrong(f"{name} is not read: {error}", form().remedy) from error
        samples = np.frombuffer(recording.pcm, "<i2").astype(np.float64) / 32_768
        middle = samples[len(samples) // 4 : -len(samples) // 4]
        loud = 20 * log10(max(float(np.sqrt(np.mean(middle**2))), 1e-9) / (PEAK / 2**0.5))
        if abs(recording.seconds - SECONDS) > 0.2 or abs(loud) > NEAR_DB:
            raise Wrong(f"{name} comes back with {recording.seconds:.2f} s, {loud:+.1f} dB off", form().remedy)


def _by_libsndfile(samples: Samples, *, format: str) -> bytes:
    import soundfile

    target = io.BytesIO()
    cast(Any, soundfile).write(target, samples, RATE, format=format)
    return target.getvalue()


def _by_ffmpeg(samples: Samples, *, format: str, codec: str) -> bytes:
    import av
    from av.audio.frame import AudioFrame

    target = io.BytesIO()
    with av.open(target, "w", format=format) as output:
        container: Any = output
        stream = container.add_stream(codec, rate=RATE, layout="mono")
        frame = AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate = RATE
        context = stream.codec_context
        context.open()
        resampler = av.AudioResampler(context.format, "mono", RATE, context.frame_size or 1024)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return target.getvalue()
