"""Recordings, as WAV files, good ones and others."""

import math
import struct
from array import array

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE


def chunk(name: bytes, data: bytes, *, size: int | None = None) -> bytes:
    """A chunk of a RIFF file; `size` is what it says of itself."""
    said = len(data) if size is None else size
    return struct.pack("<4sI", name, said) + data + b"\0" * (len(data) % 2)


def riff(*chunks: bytes) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return struct.pack("<4sI", b"RIFF", len(body)) + body


def fmt(
    kind: int = PCM,
    channels: int = 1,
    rate: int = 8_000,
    bits: int = 16,
    *,
    align: int | None = None,
    more: bytes = b"",
) -> bytes:
    width = channels * bits // 8 if align is None else align
    numbers = (kind, channels, rate & 0xFFFFFFFF, rate * width & 0xFFFFFFFF, width & 0xFFFF, bits)
    return chunk(b"fmt ", struct.pack("<HHIIHH", *numbers) + more)


def samples(seconds: float = 2.0, *, rate: int = 8_000, channels: int = 1, peak: float = 0.5) -> list[float]:
    """A tone with a pause of 50 ms in every half second, without which it would be refused as a steady one; full
    scale is 1.0.
    """
    period, pause = rate // 2, range(rate // 5, rate // 4)
    half_second = [0.0 if at in pause else peak * math.sin(0.2 * math.pi * at) for at in range(period)]
    count = round(seconds * rate)
    tones = (half_second * (count // period + 1))[:count]
    return tones if channels == 1 else [value for value in tones for _ in range(channels)]


def pcm(values: list[float], bits: int = 16) -> bytes:
    if bits == 32:
        return array("i", [round(value * 0x7FFFFFFF) for value in values]).tobytes()
    if bits == 24:
        return b"".join(round(value * 0x7FFFFF).to_bytes(3, "little", signed=True) for value in values)
    return array("h", [round(value * 0x7FFF) for value in values]).tobytes()


def floats(values: list[float]) -> bytes:
    return array("f", values).tobytes()


def tone(seconds: float = 2.0, *, rate: int = 8_000, channels: int = 1, bits: int = 16, peak: float = 0.5) -> bytes:
    """A recording of a tone."""
    half_second = pcm(samples(rate // 2 / rate, rate=rate, channels=channels, peak=peak), bits)
    size = round(seconds * rate) * channels * bits // 8
    data = (half_second * (size // len(half_second) + 1))[:size]
    return riff(fmt(channels=channels, rate=rate, bits=bits), chunk(b"data", data))
