"""The head of a WAV file: 16-bit mono PCM. Knows nothing of logs; bytes in front of samples, no more.

The head always has the same size, so that it can be reserved before the length is known. Its spare room is a
JUNK chunk in a plain file and the `ds64` chunk with 64-bit sizes in an RF64 file (EBU Tech 3306), which a file
becomes when its sizes do not fit into 32 bits.
"""

import struct

HEAD_BYTES = 80

_RIFF = struct.Struct("<4sI4s")
_SPARE = struct.Struct("<4sI28s")
_DS64 = struct.Struct("<QQQI")
_FORMAT = struct.Struct("<4sIHHIIHH")
_DATA = struct.Struct("<4sI")
_MOST_32 = 0xFFFFFFFF


def wav_head(samples: int, *, sample_rate: int) -> bytes:
    """The 80 bytes that make `samples` samples of 16-bit mono PCM behind them a WAV file."""
    data_bytes = 2 * samples
    riff_bytes = HEAD_BYTES - 8 + data_bytes
    rf64 = riff_bytes > _MOST_32
    return b"".join(
        (
            _RIFF.pack(b"RF64" if rf64 else b"RIFF", _MOST_32 if rf64 else riff_bytes, b"WAVE"),
            _SPARE.pack(
                b"ds64" if rf64 else b"JUNK",
                28,
                _DS64.pack(riff_bytes, data_bytes, samples, 0) if rf64 else bytes(28),
            ),
            _FORMAT.pack(b"fmt ", 16, 1, 1, sample_rate, 2 * sample_rate, 2, 16),
            _DATA.pack(b"data", _MOST_32 if rf64 else data_bytes),
        )
    )
