"""Tells speech from a steady tone and from steady noise.

The level of speech changes all the time, with its syllables and pauses; that of a hum, a test tone or the noise of
a fan does not. Two levels are followed over the parts of a recording that are not silent:

- that of the whole spectrum, which does not change in a tone of any shape, nor in a sweep;
- that of the band of speech with each frequency divided by its own mean. Without that, noise with a strong bass
  would seem to change: a band of few Hertz fluctuates by itself.

How much a level changes is the distance from its 5th to its 95th percentile, so that a knock or the onset of a
noise does not count. In clear speech it is 10 dB or more, whatever the language, speed and loudness; under
noise as loud as the speech, or in an echoing hall, it is still above 4 dB. In noise of any color the second is
below 2.3 dB. What does change is taken, whatever it is: music and beeps are not looked for.

For the child process that reads recordings: it needs NumPy.
"""

from collections.abc import Iterable
from math import log10

import numpy as np
from numpy.fft import rfft  # NumPy would import it with the first use, when this process can open no file any more
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from app import SAMPLE_RATE
from app.errors import InvalidAudio
from app.workers.recording.samples import Samples

#: In dB: a level that changes less is steady.
MIN_CHANGE_DB = 1.5
#: In dB, for the band of speech with its frequencies made equally strong.
MIN_SPEECH_CHANGE_DB = 3.0

#: In Hertz: where most of speech is, in a telephone too.
_BAND_HZ = 300, 3_400

#: Samples: 43 ms, shorter than a syllable, and longer than two periods of a mains hum.
_FRAME = 1_024
_HOP = _FRAME // 2

#: Bins next to zero frequency that an offset of the microphone leaks into.
_OFFSET_BINS = 2

#: As a share of the mean of all frequencies: one that is softer counts for little, it may be rounding.
_FLOOR = 1e-3


def check_changes(parts: Iterable[Samples]) -> None:
    """Raises `InvalidAudio` when the parts of a recording that are not silent are a steady tone or noise.

    Each part is at 24 kHz and at least 43 ms long.
    """
    views = [sliding_window_view(part, _FRAME)[::_HOP] for part in parts]
    frames = np.concatenate(views) * np.hanning(_FRAME).astype(np.float32)
    spectra = np.square(np.abs(rfft(frames, axis=1)), dtype=np.float64)[:, _OFFSET_BINS:]
    powers = spectra.mean(axis=1)
    # Next to a knock all else would seem steady, so no frame counts for more than the 95th percentile.
    spectra *= np.minimum(1.0, _percentiles(powers)[1] / np.maximum(powers, 1e-30))[:, None]
    low, high = (round(hertz * _FRAME / SAMPLE_RATE) - _OFFSET_BINS for hertz in _BAND_HZ)
    band = spectra[:, low:high]
    change = _change_db(powers)
    speech_change = _change_db((band / (band.mean(axis=0) + _FLOOR * spectra.mean())).mean(axis=1))
    if change < MIN_CHANGE_DB or speech_change < MIN_SPEECH_CHANGE_DB:
        raise InvalidAudio(
            "no speech is heard in the recording: it is a steady tone or steady noise, its level changes by only "
            f"{min(change, speech_change):.1f} dB; send one in which somebody speaks"
        )


def _percentiles(powers: NDArray[np.float64]) -> tuple[float, float]:
    """The 5th and the 95th. `np.percentile` imports a module when it is called, too late in this process."""
    ranked = np.sort(powers)
    edge = len(ranked) // 20
    return float(ranked[edge]), float(ranked[-1 - edge])


def _change_db(powers: NDArray[np.float64]) -> float:
    low, high = _percentiles(powers)
    return 10 * log10(high / max(low, high * 1e-12))
