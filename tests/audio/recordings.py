"""Recordings in files of every kind, good ones and others."""

import io
import random
import struct
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import av
import numpy as np
import soundfile  # pyright: ignore[reportMissingTypeStubs]
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from numpy.typing import NDArray

Signal = NDArray[np.float64]


def tone(seconds: float = 2.0, frequency: float = 440.0, *, rate: int = 24_000, peak: float = 0.3) -> Signal:
    """A tone with a pause of 50 ms in every half second: without pauses it would be refused as a steady one."""
    times = np.arange(round(seconds * rate)) / rate
    return np.where(in_pause(times), 0.0, peak * np.sin(2 * np.pi * frequency * times))


def in_pause(times: Signal) -> NDArray[np.bool_]:
    """Whether the `tone` pauses then."""
    return (times % 0.5 >= 0.2) & (times % 0.5 < 0.25)


def quiet(seconds: float, *, rate: int = 24_000) -> Signal:
    return np.zeros(round(seconds * rate))


def soft_noise(seconds: float, *, rate: int = 24_000, level_dbfs: float = -70.0) -> Signal:
    return 10 ** (level_dbfs / 20) * np.random.default_rng(7).standard_normal(round(seconds * rate))


def file(samples: Signal, *, rate: int = 24_000, format: str = "WAV", subtype: str = "PCM_16") -> bytes:
    """A file as libsndfile makes it."""
    target = io.BytesIO()
    cast(Any, soundfile).write(target, samples, rate, format=format, subtype=subtype)
    return target.getvalue()


def ffmpeg_file(samples: Signal, *, rate: int = 24_000, format: str = "ipod", codec: str = "aac") -> bytes:
    """A file as FFmpeg makes it."""
    target = io.BytesIO()
    layout = "mono" if samples.ndim == 1 else "stereo"
    with av.open(target, "w", format=format) as output:
        container: Any = output  # its stubs leave much unknown
        stream = container.add_stream(codec, rate=rate, layout=layout)
        frame = AudioFrame.from_ndarray(
            np.atleast_2d(samples.astype(np.float32).T).copy(), format="fltp", layout=layout
        )
        frame.sample_rate = rate
        context = stream.codec_context
        context.open()
        resampler = av.AudioResampler(context.format, layout, rate, context.frame_size or 1024)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return target.getvalue()


def film(samples: Signal, *, rate: int = 24_000) -> bytes:
    """A file with pictures and sound."""
    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as output:
        container: Any = output
        pictures, sound = (
            container.add_stream("mpeg4", rate=5),
            container.add_stream("aac", rate=rate, layout="mono"),
        )
        pictures.width = pictures.height = 32
        pictures.pix_fmt = "yuv420p"
        for _ in range(10):
            picture = VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            container.mux(pictures.encode(picture))
        frame = AudioFrame.from_ndarray(samples.astype(np.float32)[None], format="fltp", layout="mono")
        frame.sample_rate = rate
        for last in (sound.encode(frame), pictures.encode(None), sound.encode(None)):
            container.mux(last)
    return target.getvalue()


#: A file of each kind that is taken, from samples and their rate.
KINDS: dict[str, Callable[..., bytes]] = {
    "wav": file,
    "wav 24": partial(file, subtype="PCM_24"),
    "wav 32": partial(file, subtype="PCM_32"),
    "wav float": partial(file, subtype="FLOAT"),
    "wav extensible": partial(file, format="WAVEX"),
    "flac": partial(file, format="FLAC"),
    "flac 24": partial(file, format="FLAC", subtype="PCM_24"),
    "mp3": partial(file, format="MP3", subtype="MPEG_LAYER_III"),
    "m4a": ffmpeg_file,
    "m4a lossless": partial(ffmpeg_file, codec="alac"),
    "ogg vorbis": partial(file, format="OGG", subtype="VORBIS"),
    "ogg opus": partial(file, format="OGG", subtype="OPUS"),
}


def with_wav_size(wav: bytes, size: int) -> bytes:
    """A WAV file whose header says that its samples have this many bytes."""
    at = wav.index(b"data") + 4
    return wav[:at] + struct.pack("<I", size) + wav[at + 4 :]


def with_flac_samples(flac: bytes, samples: int) -> bytes:
    """A FLAC file whose header says that it has this many samples; 0 stands for an unknown number."""
    assert flac[:4] == b"fLaC"
    fields = int.from_bytes(flac[18:26], "big") >> 36 << 36 | samples  # after sizes of blocks and frames
    return flac[:18] + fields.to_bytes(8, "big") + flac[26:]


def flac_bomb(seconds: float) -> bytes:
    """A small file that is a long one, once it is unpacked, and does not say so."""
    samples = np.concatenate([tone(1.0, rate=48_000), quiet(seconds, rate=48_000)])
    return with_flac_samples(file(samples, rate=48_000, format="FLAC"), 0)


def with_cover(mp3: bytes) -> bytes:
    """An MP3 file with a picture, which is none."""
    picture = b"\0image/png\0\x03\0" + b"\x89PNG\r\n\x1a\n" + bytes(200)
    frame = b"APIC" + struct.pack(">IH", len(picture), 0) + picture
    size = len(frame)
    return b"ID3\x03\0\0" + bytes([size >> 21 & 127, size >> 14 & 127, size >> 7 & 127, size & 127]) + frame + mp3


def mutated(data: bytes, seed: int) -> bytes:
    """The file after an accident; the same one for the same seed. Its first bytes stay, or it would be no file."""
    chance = random.Random(seed)
    bad = bytearray(data)
    head = min(len(bad), 400)
    match chance.randrange(5):
        case 0:
            for _ in range(chance.randint(1, 8)):
                bad[chance.randrange(12, head)] = chance.randrange(256)
        case 1:
            for _ in range(chance.randint(1, 200)):
                bad[chance.randrange(12, len(bad))] = chance.randrange(256)
        case 2:
            del bad[chance.randrange(12, len(bad)) :]
        case 3:
            at = chance.randrange(12, len(bad))
            del bad[at : at + chance.randint(1, 400)]
        case _:
            at = chance.randrange(12, head)
            bad[at : at + 4] = chance.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\0\0\0\x01"))
    return bytes(bad)
