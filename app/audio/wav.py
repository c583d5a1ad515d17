"""The header of a WAV file of 16-bit mono PCM: the bytes in front of the samples.

They are the 44 bytes that every reader knows, also one that does not look for chunks. Sizes that do not fit into
32 bits make it an RF64 file (EBU Tech 3306): then there are 80, with 64-bit sizes in a `ds64` chunk.
"""

import struct
from pathlib import Path

from app import SAMPLE_RATE
from app.process.files import atomic_write

HEADER_BYTES, RF64_HEADER_BYTES = 44, 80

#: What fits into 32 bits.
MAX_SIZE = 0xFFFFFFFF

_RIFF = struct.Struct("<4sI4s")
_DS64 = struct.Struct("<4sIQQQI")
_FORMAT = struct.Struct("<4sIHHIIHH")
_DATA = struct.Struct("<4sI")


def write_wav(path: Path, pcm: bytes, *, sample_rate: int = SAMPLE_RATE) -> None:
    """Make a whole file or none: mode 0600, written atomically. Blocks; raises OSError."""
    with atomic_write(path, mode=0o600) as file:
        file.write(wav_header(len(pcm) // 2, sample_rate=sample_rate) + pcm)


def wav_header(samples: int, *, sample_rate: int) -> bytes:
    """The bytes that make a WAV file of the `samples` samples of 16-bit mono PCM after them."""
    data_bytes = 2 * samples
    riff_bytes = HEADER_BYTES - 8 + data_bytes
    if riff_bytes <= MAX_SIZE:
        return _header(b"RIFF", riff_bytes, b"", sample_rate, data_bytes)
    riff_bytes = RF64_HEADER_BYTES - 8 + data_bytes
    sizes = _DS64.pack(b"ds64", _DS64.size - 8, riff_bytes, data_bytes, samples, 0)
    return _header(b"RF64", 0xFFFFFFFF, sizes, sample_rate, 0xFFFFFFFF)


def endless_wav_header(*, sample_rate: int) -> bytes:
    """The 44 bytes in front of samples that are sent while they are made.

    Both sizes are the largest that fit, which readers take as "up to the end".
    """
    return _header(b"RIFF", 0xFFFFFFFF, b"", sample_rate, 0xFFFFFFFF)


def header_bytes(start: bytes) -> int:
    """How many bytes are in front of the samples in a file of this engine that begins with these 16 bytes.

    Up to version 1 of the log all files had 80, with a chunk named JUNK in plain ones.
    """
    return HEADER_BYTES if start[12:] == b"fmt " else RF64_HEADER_BYTES


def _header(kind: bytes, riff_bytes: int, sizes: bytes, sample_rate: int, data_bytes: int) -> bytes:
    form = _FORMAT.pack(b"fmt ", 16, 1, 1, sample_rate, 2 * sample_rate, 2, 16)
    return _RIFF.pack(kind, riff_bytes, b"WAVE") + sizes + form + _DATA.pack(b"data", data_bytes)
