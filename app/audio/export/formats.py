"""The formats that audio can be had in, and what can be set of each: one table.

Knows nothing of how they are encoded; the engine starts without FFmpeg.
"""

from collections.abc import Sequence
from pathlib import PurePath
from typing import Literal

from msgspec import Struct

from app.audio.pcm import SAMPLE_RATE
from app.errors import InvalidRequest

#: The format that needs no encoder: it is the log itself.
WAV = "wav"

_KBPS = 1000

#: In Hertz: those that players know.
_COMMON_RATES = (16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)

#: Bits per second of the constant bit rates of MPEG audio, layer III: of MPEG-1 from 32 kHz on, of MPEG-2 below
#: (ISO/IEC 11172-3 and 13818-3). Others do not exist, and LAME would take the nearest without a word.
_MPEG_1 = tuple(n * _KBPS for n in (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320))
_MPEG_2 = tuple(n * _KBPS for n in (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160))


class ExportFormat(Struct, frozen=True):
    """A format that audio can be had in."""

    name: str
    media_type: str
    suffixes: tuple[str, ...]  #: the endings of files, the usual one first
    container: str = ""  #: as FFmpeg names it; empty where no encoder is needed
    codec: Literal["flac", "libmp3lame", "libopus", "aac"] | None = None
    live: bool = True  #: can be sent while it is made
    file: bool = True  #: can be kept as a file of a job
    bit_rate: int | None = None  #: bits per second, unless another is asked for; None where there is none to choose
    sample_rates: tuple[int, ...] = (SAMPLE_RATE,)

    @property
    def suffix(self) -> str:
        """The usual ending of a file, with its dot."""
        return self.suffixes[0]


FORMATS = {
    each.name: each
    for each in (
        ExportFormat(WAV, "audio/wav", (".wav", ".wave")),
        ExportFormat("flac", "audio/flac", (".flac",), "flac", "flac", sample_rates=_COMMON_RATES),
        ExportFormat(
            "mp3", "audio/mpeg", (".mp3",), "mp3", "libmp3lame", bit_rate=64_000, sample_rates=_COMMON_RATES
        ),
        ExportFormat(
            "opus", "audio/ogg", (".opus", ".ogg"), "ogg", "libopus", bit_rate=32_000, sample_rates=_OPUS_RATES
        ),
        ExportFormat(
            "m4a", "audio/mp4", (".m4a",), "ipod", "aac", live=False, bit_rate=64_000, sample_rates=_COMMON_RATES
        ),
        ExportFormat(
            "aac", "audio/aac", (".aac",), "adts", "aac", file=False, bit_rate=64_000, sample_rates=_COMMON_RATES
        ),
        ExportFormat("pcm", "audio/pcm", (".pcm",), file=False),
    )
}

#: The names of those that a job can keep as a file, and of those that can be sent while they are made.
FILE_FORMATS = tuple(name for name, each in FORMATS.items() if each.file)
LIVE_FORMATS = tuple(name for name, each in FORMATS.items() if each.live)


def format_of(path: PurePath) -> str | None:
    """The format of a file by the ending of its name; None when that is of none."""
    return next((name for name in FILE_FORMATS if path.name.lower().endswith(FORMATS[name].suffixes)), None)


def endings(formats: Sequence[str] = FILE_FORMATS) -> str:
    """Those of files of these formats, for an error."""
    return " or ".join(ending for name in formats for ending in FORMATS[name].suffixes)


class Encoding(Struct, frozen=True):
    """A format and how it is made. `encoding` builds one that is possible."""

    format: str
    sample_rate: int = SAMPLE_RATE
    bit_rate: int | None = None  #: bits per second; None where there is none to choose

    @property
    def about(self) -> ExportFormat:
        """What is known of the format."""
        return FORMATS[self.format]


def encoding(name: str, *, bit_rate: int | None = None, sample_rate: int | None = None) -> Encoding:
    """How to make a format, with its defaults for what is None.

    Raises `InvalidRequest` about the field `format`, `bit_rate` or `sample_rate`, with what would be possible.
    """
    if (known := FORMATS.get(name)) is None:
        raise InvalidRequest.about("format", f"there is no format {name!r}; there are {_listed(FORMATS)}")
    rate = SAMPLE_RATE if sample_rate is None else sample_rate
    if rate not in known.sample_rates:
        raise InvalidRequest.about(
            "sample_rate", f"{name} cannot have {rate} Hz; it can have {_listed(known.sample_rates)}"
        )
    if bit_rate is None:
        return Encoding(name, rate, known.bit_rate)
    if known.bit_rate is None:
        raise InvalidRequest.about("bit_rate", f"{name} has no bit rate to choose; leave it out")
    if (possible := _possible(known, bit_rate, rate)) is not None:
        raise InvalidRequest.about(
            "bit_rate", f"{name} at {rate} Hz cannot have {bit_rate} bits per second; it can have {possible}"
        )
    return Encoding(name, rate, bit_rate)


def _possible(known: ExportFormat, bit_rate: int, rate: int) -> str | None:
    """What would be possible, if this bit rate is not."""
    if known.codec == "libmp3lame":
        choices = _MPEG_1 if rate >= 32_000 else _MPEG_2
        return None if bit_rate in choices else _listed(choices)
    # AAC's limit is 6,144 bits for a frame of 1,024 samples of one channel (ISO/IEC 14496-3, 4.5.3); Opus' is
    # libopus' own, of one channel.
    low, high = (6_000, 256_000) if known.codec == "libopus" else (16_000, 6 * rate)
    return None if low <= bit_rate <= high else f"{low} to {high}"


def _listed(choices: "dict[str, ExportFormat] | tuple[int, ...]") -> str:
    return ", ".join(str(choice) for choice in choices)
