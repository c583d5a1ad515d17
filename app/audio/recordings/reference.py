"""A recording of somebody's voice on the engine's side: taken from a client with suspicion, and kept.

What a file holds is not looked into here. The engine goes by its first bytes and gives it to a process of its own
(`decoder.py`, and `workers/recording` on the other side); the messages between the two are here too. It knows
nothing of models or voices.
"""

import base64
import binascii
import os
import shutil
import stat
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from app import SAMPLE_RATE
from app.audio.wav import wav_header, write_wav
from app.errors import InvalidAudio, StorageFailed
from app.process.files import sync_folder

#: No recording is shorter than the header of a WAV file.
MIN_BYTES, MAX_BYTES = 44, 20 * 1024 * 1024
MIN_S, MAX_S = 1.0, 30.0
MAX_TRACEBACK = 4_000
MAX_PCM_BYTES = 2 * SAMPLE_RATE * int(MAX_S)


#: Kinds that are not taken, by their first bytes, so that an error can name them.
_NOT_TAKEN = (
    (b"\x1aE\xdf\xa3", "WebM or Matroska"),
    (b"FORM", "AIFF"),
    (b"caff", "CAF"),
    (b"#!AMR", "AMR"),
    (b"\x30\x26\xb2\x75", "WMA"),
    (b".snd", "AU"),
    (b"RF64", "RF64"),
    (b"MThd", "MIDI"),
    (b"%PDF", "PDF"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"<", "HTML or XML"),
)
_STANDARD_ALPHABET = str.maketrans("-_", "+/")


class Container(StrEnum):
    """What a file is, by its first bytes."""

    WAV = "WAV"
    FLAC = "FLAC"
    MP3 = "MP3"
    M4A = "M4A"
    OGG = "Ogg"


class Recording(Struct, frozen=True):
    """A recording that has been checked, as it is kept: 16-bit mono samples."""

    pcm: bytes
    level_dbfs: float  #: of the speech in it, RMS
    notes: tuple[str, ...] = ()  #: what was done to it
    sample_rate: int = SAMPLE_RATE

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.pcm) / 2 / self.sample_rate

    @property
    def wav(self) -> bytes:
        """As a WAV file."""
        return wav_header(len(self.pcm) // 2, sample_rate=self.sample_rate) + self.pcm


class DecodeRequest(Struct):
    """A request to the child in one line of JSON; the bytes of the file follow."""

    bytes: int
    normalize: bool


class Decoded(Struct, tag="heard"):
    """The child's answer in one line of JSON; the bytes of the samples follow. The file may have taken the child
    over, so nothing beyond this is believed of its answer.
    """

    pcm_bytes: Annotated[int, Meta(ge=2, le=MAX_PCM_BYTES, multiple_of=2)]
    level_dbfs: float
    notes: Annotated[tuple[Annotated[str, Meta(max_length=200)], ...], Meta(max_length=10)]


class Rejected(Struct, tag="refused"):
    """The child's other answer: why not, in words for the client."""

    message: Annotated[str, Meta(min_length=1, max_length=500)]


class Crashed(Struct, tag="failed"):
    """The child's last words, for whoever mends it."""

    traceback: Annotated[str, Meta(max_length=MAX_TRACEBACK)]


Answer: TypeAlias = Decoded | Rejected | Crashed


def kind_of(data: bytes) -> Container | None:
    """What the file is, by its first bytes; None when it is nothing that is taken."""
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return Container.WAV
    if data[:4] == b"fLaC":
        return Container.FLAC
    if data[:3] == b"ID3" or _begins_mp3_frame(data):
        return Container.MP3
    if data[4:8] == b"ftyp":
        return Container.M4A
    return Container.OGG if data[:4] == b"OggS" else None


def from_path(path: str) -> bytes:
    """The bytes of a file on this machine. Raises `InvalidAudio`, with the same words whatever is wrong with it:
    who may ask is not to learn which files there are.
    """
    refused = InvalidAudio(
        "ref_audio.path must be the absolute path of a readable WAV, FLAC, MP3, M4A or Ogg file of at most 20 MB"
    )
    if "\0" in path or not Path(path).is_absolute():
        raise refused
    try:
        # Opening a device alone can do something, so it is looked at before. And again when it is open: what was
        # checked is what is read. A FIFO that came in between must not block.
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise refused
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except (OSError, UnicodeEncodeError):
        raise refused from None
    try:
        facts = os.fstat(fd)
        if not stat.S_ISREG(facts.st_mode) or not MIN_BYTES <= facts.st_size <= MAX_BYTES:
            raise refused
        with os.fdopen(fd, "rb", closefd=False) as file:
            data = file.read(MAX_BYTES)
    except OSError:
        raise refused from None
    finally:
        os.close(fd)
    if kind_of(data) is None:
        raise refused
    return data


def from_base64(text: str) -> bytes:
    """The bytes of a recording in base64: in either alphabet of RFC 4648, with or without line breaks and padding,
    also as a data URI. Raises `InvalidAudio`.
    """
    field = "ref_audio.wav_base64"
    if text[:5].lower() == "data:":
        head, _, text = text.partition(",")
        if not head.lower().endswith(";base64"):
            raise InvalidAudio.about(
                field, f"{field} is a data URI that is not base64; send data:audio/wav;base64,..."
            )
    text = "".join(text.split()).rstrip("=").translate(_STANDARD_ALPHABET)
    if len(text) > MAX_BYTES * 4 // 3 + 4:
        raise InvalidAudio.about(field, f"{field} has more than 20 MB; send 1 to 30 s of speech")
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidAudio.about(field, f"{field} is not base64") from None
    if len(data) < MIN_BYTES or kind_of(data) is None:
        raise InvalidAudio.about(field, f"{field} is {described(data)}; send a WAV, FLAC, MP3, M4A or Ogg file")
    return data


def described(data: bytes) -> str:
    """What a file is that is not taken, as far as its first bytes tell."""
    if len(data) < MIN_BYTES:
        return f"too short for a recording, {len(data)} bytes"
    known = next((name for mark, name in _NOT_TAKEN if data.startswith(mark)), None)
    return known or "not a recording of a known kind"


def write_voice(folder: Path, recording: Recording) -> None:
    """Keep a recording as `reference.wav` in a folder of its own, flushed to disk when this returns. Blocks.

    Raises `StorageFailed`; nothing is left then.
    """
    try:
        folder.mkdir(mode=0o700)
        try:
            write_wav(folder / "reference.wav", recording.pcm, sample_rate=recording.sample_rate)
            sync_folder(folder)
            sync_folder(folder.parent)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    except OSError as error:
        raise StorageFailed(f"the recording cannot be kept: {error.strerror}") from error


def _begins_mp3_frame(data: bytes) -> bool:
    """Whether it begins with a header of MPEG audio, layer III, in which nothing is reserved or free."""
    return (
        len(data) >= 4
        and data[0] == 0xFF
        and data[1] & 0xE6 == 0xE2
        and data[1] & 0x18 != 0x08
        and data[2] >> 4 not in (0, 15)
        and data[2] & 0x0C != 0x0C
    )
