"""soxr's stream, as the models use it: samples of any rate, a stretch at a time, repeatable to the bit."""

from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray
from soxr import ResampleStream  # pyright: ignore[reportMissingTypeStubs]  # typed inline, but without its marker

from app.inference.model import SAMPLE_RATE


class Resampler(Protocol):
    """soxr's ResampleStream, which is not typed closely enough."""

    def resample_chunk(self, x: NDArray[np.float32], last: bool = ...) -> NDArray[np.float32]:
        """The next samples; with `last` all that are left."""
        ...


def resampler(rate: int) -> Resampler:
    """From a rate, in Hertz, to `SAMPLE_RATE`, mono."""
    # Not "int16": soxr dithers that, and its dither is not the same from run to run.
    return cast(Resampler, ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ"))
