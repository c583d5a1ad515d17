"""The header of a WAV file of 16-bit mono PCM: the bytes in front of the samples.

The header always has the same size, so that it can be reserved before the length is known. Its spare room is a
JUNK chunk in a plain file and the `ds64` chunk with 64-bit sizes in an RF64 file (EBU Tech 3306), which a file
becomes when its sizes do not fit into 32 bits.
"""

import struct
from pathlib import Path

from msgspec import Struct

from app import SAMPLE_RATE
from app.process.files import atomic_write

HEADER_BYTES = 80

_RIFF = struct.Struct("<4sI4s")
_SPARE = struct.Struct("<4sI28s")
_DS64 = struct.Struct("<QQQI")
_FORMAT = struct.Struct("<4sIHHIIHH")
_DATA = struct.Struct("<4sI")
_MAX_32 = 0xFFFFFFFF


class WavFile(Struct, frozen=True):
    """A WAV file as it can be sent: `header`, then `size` bytes of the file at `path` from `offset` on."""

    header: bytes
    path: Path
    offset: int
    size: int
    version: str  #: changes when the bytes do


def is_replaceable(path: Path) -> bool:
    """Whether a file may be replaced by audio: it is empty, or a WAV file itself. Blocks; raises OSError."""
    with path.open("rb") as file:
        start = file.read(12)
    return not start or (start[:4] in (b"RIFF", b"RF64") and start[8:] == b"WAVE")


def write_wav(path: Path, pcm: bytes, *, sample_rate: int = SAMPLE_RATE) -> None:
    """Make a whole file or none: mode 0600, written atomically. Blocks; raises OSError."""
    with atomic_write(path, mode=0o600) as file:
        file.write(wav_header(len(pcm) // 2, sample_rate=sample_rate) + pcm)


def wav_header(samples: int, *, sample_rate: int) -> bytes:
    """The 80 bytes that make a WAV file of the `samples` samples of 16-bit mono PCM after them."""
    data_bytes = 2 * samples
    riff_bytes = HEADER_BYTES - 8 + data_bytes
    rf64 = riff_bytes > _MAX_32
    return b"".join(
        (
            _RIFF.pack(b"RF64" if rf64 else b"RIFF", _MAX_32 if rf64 else riff_bytes, b"WAVE"),
            _SPARE.pack(
                b"ds64" if rf64 else b"JUNK",
                28,
                _DS64.pack(riff_bytes, data_bytes, samples, 0) if rf64 else bytes(28),
            ),
            _FORMAT.pack(b"fmt ", 16, 1, 1, sample_rate, 2 * sample_rate, 2, 16),
            _DATA.pack(b"data", _MAX_32 if rf64 else data_bytes),
        )
    )


def endless_wav_header(*, sample_rate: int) -> bytes:
    """The 44 bytes in front of samples that are sent while they are made.

    Both sizes are the largest that fit, which readers take as "up to the end".
    """
    return b"".join(
        (
            _RIFF.pack(b"RIFF", _MAX_32, b"WAVE"),
            _FORMAT.pack(b"fmt ", 16, 1, 1, sample_rate, 2 * sample_rate, 2, 16),
            _DATA.pack(b"data", _MAX_32),
        )
    )
