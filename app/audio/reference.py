"""A recording of somebody's voice, as a client gives it: read with suspicion, and judged.

The bytes come from outside, so no general decoder sees them: this reads plain PCM WAV files and nothing else,
believes no size that a header declares, and says of everything else that it is no such file. It knows nothing of
models or voices.
"""

import base64
import binascii
import math
import os
import shutil
import stat
import struct
from array import array
from pathlib import Path

from msgspec import Struct

from app.audio.log_file import sync_folder
from app.errors import InvalidAudio, StorageFailed

MOST_BYTES = 20 * 1024 * 1024
SHORTEST_S, LONGEST_S = 1.0, 30.0

#: Full scale is 1.0. Softer than this at its loudest, a recording is silence.
FAINTEST_PEAK = 0.01

#: Samples at full scale, as a share of all: a recording with more is distorted.
MOST_CLIPPED = 0.02

_FORMAT = struct.Struct("<HHIIHH")
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_MOST_CHUNKS = 64


class Recording(Struct, frozen=True):
    """A WAV file that has been read: its bytes as they came, and what they say."""

    wav: bytes
    sample_rate: int  #: Hertz
    channels: int
    seconds: float


def from_path(path: str) -> bytes:
    """The bytes of a file on this machine. Raises `InvalidAudio`, with the same words whatever is wrong with it:
    who may ask is not to learn which files there are.
    """
    refused = InvalidAudio("ref_audio.path must be the absolute path of a readable WAV file of at most 20 MB")
    if "\0" in path or not Path(path).is_absolute():
        raise refused
    try:
        # Opened first, then looked at: what was checked is what is read. A FIFO must not block.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except (OSError, UnicodeEncodeError):
        raise refused from None
    try:
        facts = os.fstat(fd)
        if not stat.S_ISREG(facts.st_mode) or not 44 <= facts.st_size <= MOST_BYTES:
            raise refused
        with os.fdopen(fd, "rb", closefd=False) as file:
            wav = file.read(MOST_BYTES)
    except OSError:
        raise refused from None
    finally:
        os.close(fd)
    if not _looks_like_wav(wav):
        raise refused
    return wav


def from_base64(text: str) -> bytes:
    """The bytes behind base64. Raises `InvalidAudio`."""
    if len(text) > MOST_BYTES * 4 // 3 + 4:
        raise InvalidAudio("ref_audio.wav_base64 has more than 20 MB")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidAudio("ref_audio.wav_base64 is not base64") from None


def read(wav: bytes) -> Recording:
    """Read a WAV file and judge what is in it. Raises `InvalidAudio`, which says what would be right."""
    kind, channels, rate, bits, data = _parsed(wav)
    samples = _samples(kind, bits, data)
    seconds = len(samples) / channels / rate
    if not SHORTEST_S <= seconds <= LONGEST_S:
        raise InvalidAudio(f"the recording lasts {seconds:.1f} s; send 1 to 30 s of speech")
    if not math.isfinite(sum(samples)):  # a NaN would slip through `max`, but not through a sum
        raise InvalidAudio("the recording has samples that are no numbers")
    peak = max(max(samples), -min(samples))
    full_scale = 1.0 if kind == _FLOAT else float(1 << (_bits_kept(bits) - 1)) - 1
    if peak < FAINTEST_PEAK * full_scale:
        raise InvalidAudio("the recording is silent; send one in which somebody speaks")
    clipped = sum(1 for sample in samples if sample >= full_scale or sample <= -full_scale)
    if clipped > MOST_CLIPPED * len(samples):
        raise InvalidAudio("the recording is distorted, it was recorded too loud; send a softer one")
    return Recording(wav, rate, channels, seconds)


def write_voice(folder: Path, recording: Recording) -> None:
    """Keep a recording as `reference.wav` in a folder of its own, on the medium when this returns. Blocks.

    Raises `StorageFailed`; nothing is left then.
    """
    try:
        folder.mkdir(mode=0o700)
        with open(folder / "reference.wav", "xb") as file:
            file.write(recording.wav)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(folder)
        sync_folder(folder.parent)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise StorageFailed(f"the recording cannot be kept: {error.strerror}") from error


def _parsed(wav: bytes) -> tuple[int, int, int, int, bytes]:
    """Kind, channels, rate in Hertz, bits and data of a WAV file."""
    refused = InvalidAudio(
        "send a WAV file: PCM of 16, 24 or 32 bits or 32-bit float, mono or stereo, 8 to 192 kHz"
    )
    if not _looks_like_wav(wav):
        raise refused
    found: dict[bytes, bytes] = {}
    at = 12
    for _ in range(_MOST_CHUNKS):
        if at + 8 > len(wav):
            break
        name, size = wav[at : at + 4], int.from_bytes(wav[at + 4 : at + 8], "little")
        if name in (b"fmt ", b"data"):  # others, such as two LISTs, are nobody's business
            if name in found:
                raise refused
            found[name] = wav[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    if len(found.get(b"fmt ", b"")) < _FORMAT.size or b"data" not in found:
        raise refused
    kind, channels, rate, _, align, bits = _FORMAT.unpack_from(found[b"fmt "])
    if kind == _EXTENSIBLE and len(found[b"fmt "]) >= 26:
        kind = int.from_bytes(found[b"fmt "][24:26], "little")
    known = bits in (16, 24, 32) if kind == _PCM else kind == _FLOAT and bits == 32
    if not known or channels not in (1, 2) or not 8_000 <= rate <= 192_000 or align != channels * bits // 8:
        raise refused
    data = found[b"data"]
    data = data[: len(data) - len(data) % align]
    if not data:
        raise InvalidAudio("the WAV file has no samples")
    return kind, channels, rate, bits, data


def _looks_like_wav(wav: bytes) -> bool:
    return len(wav) >= 44 and wav[:4] == b"RIFF" and wav[8:12] == b"WAVE"


def _bits_kept(bits: int) -> int:
    return 16 if bits == 24 else bits


def _samples(kind: int, bits: int, data: bytes) -> "array[float] | array[int]":
    if kind == _FLOAT:
        return array("f", data)
    if bits == 24:  # the upper two bytes of three are enough to judge by
        upper = bytearray(len(data) // 3 * 2)
        upper[0::2], upper[1::2] = data[1::3], data[2::3]
        return array("h", bytes(upper))
    return array("h" if bits == 16 else "i", data)
