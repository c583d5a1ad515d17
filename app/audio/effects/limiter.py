"""Makes audio louder or softer without clipping. Has no memory: one sample in, one sample out.

Knows nothing of streams or chunks, so it does not matter how the audio is cut up. NumPy is imported only when
there is something to compute: the engine starts without it.

Up to the knee the curve is the line y = volume * x. Above it, for a volume above 1, it bends: with
t = (|y| - KNEE) / (1 - KNEE) and T = (volume - KNEE) / (1 - KNEE), the line's height above the knee and the
greatest height that can come in, the curve's height is T t / (T + (T - 1) t). That is the one hyperbola that
leaves the line without a bend (slope 1 at t = 0) and ends at full scale for input at full scale (T becomes 1);
it rises all the way, and for volumes near 1 it becomes the line itself, so nothing jumps at a volume of 1.
"""

from typing import TYPE_CHECKING

from app.audio.pcm import sample_count, silence

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: As a part of full scale (0.5 is -6 dB). Lower is gentler on peaks and changes more of the signal.
KNEE = 0.5

_FULL_SCALE = 32768


def amplify(pcm: bytes, volume: float) -> bytes:
    """The same audio times `volume` (a factor of 0 or more), bent softly where that would exceed full scale."""
    samples = sample_count(pcm)
    if volume == 1.0 or not samples:
        return pcm
    if volume == 0.0:
        return silence(samples)
    import numpy as np

    line = np.frombuffer(pcm, dtype="<i2").astype(np.float64) * (volume / _FULL_SCALE)
    curve = _bent(line, volume) if volume > 1.0 else line
    # Full scale is not symmetrical: the most positive sample is one step short of 1.0.
    return np.clip(np.rint(curve * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1).astype("<i2").tobytes()


def _bent(line: "NDArray[np.float64]", volume: float) -> "NDArray[np.float64]":
    import numpy as np

    highest = (volume - KNEE) / (1.0 - KNEE)
    height = np.maximum(np.abs(line) - KNEE, 0.0) / (1.0 - KNEE)
    bent = KNEE + (1.0 - KNEE) * highest * height / (highest + (highest - 1.0) * height)
    return np.where(np.abs(line) <= KNEE, line, np.copysign(bent, line))
