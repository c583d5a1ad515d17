"""Reads plain WAV files, and nothing that merely calls itself one.

The bytes come from outside: no size that a header declares is believed, and whatever is not PCM or float in one of
the usual forms is refused. All of it is Python and NumPy; no general decoder sees the file.
"""

import struct
from typing import NamedTuple

import numpy as np

from app.errors import InvalidAudio
from app.workers.recording.samples import DecodedFile, Samples, check_length, check_whole

_FORMAT = struct.Struct("<HHIIHH")
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_MAX_CHUNKS = 64

#: What programs that write into a pipe say of a size that they do not know yet: ffmpeg, SoX, arecord.
_UNKNOWN_SIZES = (range(0xFFFFF000, 0x1_0000_0000), range(0x7FFFF000, 0x8000_0040))


class _Format(NamedTuple):
    kind: int
    channels: int
    sample_rate: int
    bits: int
    align: int  #: bytes of one sample of all channels


def read_wav(wav: bytes) -> DecodedFile:
    """What a WAV file holds. Raises `InvalidAudio`, which says what would be right."""
    form, data, promised = _parsed(wav)
    frames, promised_frames = len(data) // form.align, promised // form.align
    if not frames:
        raise InvalidAudio("the WAV file has no samples; send 1 to 30 s of speech")
    if not any(promised in sizes for sizes in _UNKNOWN_SIZES):
        check_whole(promised_frames / form.sample_rate, frames / form.sample_rate)
    check_length(frames, form.sample_rate)
    samples = _samples(form, data[: frames * form.align])
    return DecodedFile(samples.reshape(frames, form.channels), form.sample_rate)


def _parsed(wav: bytes) -> tuple[_Format, bytes, int]:
    """The form of the samples, their bytes, and how many bytes the header says they have."""
    refused = InvalidAudio(
        "send a WAV file: PCM of 16, 24 or 32 bits or 32-bit float, mono or stereo, 8 to 192 kHz"
    )
    found: dict[bytes, bytes] = {}
    promised, at = 0, 12
    for _ in range(_MAX_CHUNKS):
        if at + 8 > len(wav):
            break
        name, size = wav[at : at + 4], int.from_bytes(wav[at + 4 : at + 8], "little")
        if name in (b"fmt ", b"data"):  # others, such as two LISTs, are nobody's business
            if name in found:
                raise refused
            found[name] = wav[at + 8 : at + 8 + size]
            promised = size if name == b"data" else promised
        at += 8 + size + size % 2
    if len(found.get(b"fmt ", b"")) < _FORMAT.size or b"data" not in found:
        raise refused
    kind, channels, rate, _, align, bits = _FORMAT.unpack_from(found[b"fmt "])
    if kind == _EXTENSIBLE and len(found[b"fmt "]) >= 26:
        kind = int.from_bytes(found[b"fmt "][24:26], "little")
    known = bits in (16, 24, 32) if kind == _PCM else kind == _FLOAT and bits == 32
    if not known or channels not in (1, 2) or not 8_000 <= rate <= 192_000 or align != channels * bits // 8:
        raise refused
    return _Format(kind, channels, rate, bits, align), found[b"data"], promised


def _samples(form: _Format, data: bytes) -> Samples:
    if form.kind == _FLOAT:
        return np.frombuffer(data, "<f4").astype(np.float32)
    if form.bits == 24:  # become the upper three bytes of four
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        data = wide.tobytes()
    whole = np.frombuffer(data, "<i2" if form.bits == 16 else "<i4")
    return whole.astype(np.float32) * np.float32(2.0 ** -(15 if form.bits == 16 else 31))
