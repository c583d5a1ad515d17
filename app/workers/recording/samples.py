"""A recording as numbers, whatever file it came in, and how it becomes 24 kHz, mono, 16 bit.

For the child process that reads recordings: it needs NumPy. Knows nothing of files, nor of what a good recording
is.
"""

from typing import NamedTuple, TypeAlias, cast

import numpy as np
import soxr  # pyright: ignore[reportMissingTypeStubs]  # typed inline, but without its marker
from numpy.typing import NDArray

from app import SAMPLE_RATE
from app.audio.recordings.reference import MAX_S, MIN_S
from app.errors import InvalidAudio

Samples: TypeAlias = NDArray[np.float32]

#: Channels whose mean has less than this share of their power cancel each other out.
CANCELED = 0.05

#: Seconds by which a recording may be longer than it may: encoders put that much silence around their input.
PADDING_S = 0.09

#: Seconds. What is missing at the end beyond this is heard: at least a syllable.
MAX_LACKING_S = 0.5


class DecodedFile(NamedTuple):
    """What a file holds."""

    samples: Samples  #: by time and channel; full scale is 1.0
    sample_rate: int  #: Hertz
    notes: tuple[str, ...] = ()  #: what its owner should know


def too_long() -> InvalidAudio:
    """What is said of a recording whose end nobody has waited for."""
    return InvalidAudio(f"the recording is longer than {MAX_S:.0f} s; send 1 to 30 s of speech")


def check_length(samples: int, sample_rate: int) -> None:
    """Raises `InvalidAudio` unless it is a length that can be used."""
    seconds = samples / sample_rate
    if not MIN_S <= seconds <= MAX_S + PADDING_S:
        raise InvalidAudio(f"the recording lasts {seconds:.1f} s; send 1 to 30 s of speech")


def check_whole(promised_s: float, held_s: float) -> None:
    """Raises `InvalidAudio` when a file holds less than its head promises: it was cut short, or it lies."""
    if promised_s > held_s + MAX_LACKING_S:
        raise InvalidAudio(
            f"the file is cut short: its head promises {promised_s:.1f} s, but it holds {held_s:.1f} s; "
            "send the whole file"
        )


def mono(samples: Samples) -> Samples:
    """The mean of the channels; or the louder one, where one is the other upside down and nothing would be left."""
    if samples.shape[1] == 1:
        return samples[:, 0]
    mixed = samples.mean(axis=1, dtype=np.float32)
    powers = np.mean(np.square(samples, dtype=np.float64), axis=0)
    if np.mean(np.square(mixed, dtype=np.float64)) < CANCELED * powers.mean():
        return samples[:, powers.argmax()]
    return mixed


def at_our_rate(samples: Samples, sample_rate: int) -> Samples:
    """The same, at 24 kHz; untouched if it is that already."""
    if sample_rate == SAMPLE_RATE:
        return samples
    resampled: object = soxr.resample(  # pyright: ignore[reportUnknownMemberType]
        np.ascontiguousarray(samples), sample_rate, SAMPLE_RATE, quality="HQ"
    )
    return cast(Samples, resampled)


def pcm_of(samples: Samples) -> bytes:
    """As 16-bit samples: rounded, and held at full scale rather than wrapped."""
    return np.clip(np.rint(samples * 32768.0), -32768, 32767).astype("<i2").tobytes()
