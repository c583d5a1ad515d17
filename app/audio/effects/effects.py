"""The settings that a model cannot apply itself, applied to the audio of one take as it comes.

Knows nothing of models, jobs or the log: PCM in, PCM out. First tempo and pitch (`stretch.py`), then the volume
(`limiter.py`); what is at 1.0 does not run, and the libraries are loaded with the first audio that needs them.
"""

from app.audio.effects.limiter import amplify
from app.audio.effects.stretch import Stretch

#: Least and greatest value of each, inclusive.
RATES = (0.5, 2.0)
PITCHES = (0.5, 2.0)
VOLUMES = (0.0, 2.0)


class Effects:
    """One take's effects; made anew per take, used from one thread at a time.

    `rate` is a factor on the speed: 2.0 is twice as fast and half as long, and the pitch stays. `pitch` is a
    factor on the fundamental frequency: 2.0 is an octave up, and the duration stays; formants move along.
    `volume` is a factor on the amplitude: what it would lift beyond full scale is bent softly.

    All pushes and `finish` together give round(samples in / rate) samples, and always the same bytes for the
    same input, however it is cut into pushes. Values out of range are a `ValueError`, NaN too.
    """

    def __init__(self, *, rate: float = 1.0, pitch: float = 1.0, volume: float = 1.0) -> None:
        _check("rate", rate, RATES)
        _check("pitch", pitch, PITCHES)
        _check("volume", volume, VOLUMES)
        self._stretch = None if rate == pitch == 1.0 else Stretch(rate=rate, pitch=pitch)
        self._volume = volume
        self._finished = False

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do: `push` then returns its argument, and nothing comes after it."""
        return self._stretch is None and self._volume == 1.0

    def push(self, pcm: bytes) -> bytes:
        """Take PCM in; what is ready by now comes back, possibly nothing yet.

        Half a sample (an odd number of bytes) is a `ValueError` and is not taken.
        """
        if self._finished:
            raise RuntimeError("these effects are finished; a take has its own")
        if self._stretch:
            pcm = self._stretch.push(pcm)
        return amplify(pcm, self._volume)

    def finish(self) -> bytes:
        """No more comes in: the rest. To be called once."""
        if self._finished:
            raise RuntimeError("these effects are finished; a take has its own")
        self._finished = True
        return amplify(self._stretch.finish(), self._volume) if self._stretch else b""


def _check(name: str, value: float, bounds: tuple[float, float]) -> None:
    least, greatest = bounds
    if not least <= value <= greatest:  # written so that NaN fails
        raise ValueError(f"{name} must be between {least} and {greatest}, not {value}")
