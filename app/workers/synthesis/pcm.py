"""A model's samples as the PCM that the wire carries."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

NON_FINITE = "the model produced NaN or infinite samples"


def to_pcm(samples: NDArray[np.floating[Any]]) -> bytes:
    """Finite samples, full scale at 1.0 and clipped there, as signed 16-bit little-endian PCM."""
    return np.rint(np.clip(samples, -1.0, 1.0) * 32_767.0).astype("<i2").tobytes()
