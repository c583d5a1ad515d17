"""Says whether somebody's voice can be cloned from a recording, and brings it to the level and length that
serve best.

For the child process that reads recordings: it needs NumPy. Knows nothing of files.
"""

from math import log10
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app import SAMPLE_RATE
from app.audio.recordings.reference import MAX_S, Recording
from app.errors import InvalidAudio
from app.workers.recording.samples import DecodedFile, Samples, at_our_rate, check_length, mono, pcm_of
from app.workers.recording.steadiness import check_changes

#: Full scale is 1.0. Softer than this at its loudest, a recording is silence; far beyond full scale it is none.
MIN_PEAK, MAX_PEAK = 0.01, 8.0

#: Samples at full scale, as a share of all: a recording with more is distorted beyond use. A voice message that was
#: spoken loudly into a telephone has 3 to 5 percent, and is understood well.
MAX_CLIPPED = 0.10
FULL_SCALE = 32767 / 32768

#: Samples. SpeechSpan is looked for in steps of 50 ms.
STEP = SAMPLE_RATE // 20

#: In dBFS: what is softer is not speech, however soft the rest is.
FLOOR_DBFS = -60.0
#: In dB: speech is what comes that near to the loudest twentieth of it.
SPEECH_RANGE_DB = 20.0
#: Steps: so short a pause is part of the speech.
MAX_PAUSE = 4

MIN_DBFS = -45.0
MIN_SPEECH_S, MIN_SPEECH_SHARE = 1.0, 0.25

#: What `normalized` aims at: speech as loud as broadcasters have it, with room for its peaks.
LEVEL_DBFS, PEAK_DBFS = -23.0, -1.0
#: Samples of silence that stay at either end: a soft beginning or end of a word lies in there.
MARGIN = SAMPLE_RATE * 3 // 10


class SpeechSpan(NamedTuple):
    """Where somebody speaks in a recording, and how loud."""

    first: int  #: step
    last: int  #: step
    seconds: float
    level_dbfs: float
    parts: tuple[tuple[int, int], ...]  #: first and last step of what lies between long pauses


def check(sound: DecodedFile, *, normalize: bool) -> Recording:
    """The recording as it is kept. Raises `InvalidAudio`, which says what would be right."""
    check_length(len(sound.samples), sound.sample_rate)
    check_samples(sound.samples)
    samples = at_our_rate(mono(sound.samples), sound.sample_rate)
    samples = samples[: round(MAX_S * SAMPLE_RATE)]  # the rest is an encoder's padding
    speech = found_speech(samples)
    check_changes(samples[first * STEP : (last + 1) * STEP] for first, last in speech.parts)
    notes, level = list(sound.notes), speech.level_dbfs
    if normalize:
        samples, gain_db, cut_s = normalized(samples, speech)
        level += gain_db
        notes.append(f"level changed by {gain_db:+.1f} dB")
        if cut_s >= 0.05:
            notes.append(f"{cut_s:.1f} s of silence cut off")
    return Recording(pcm_of(samples), round(level, 1), tuple(notes))


def check_samples(samples: Samples) -> None:
    """Raises `InvalidAudio` for what cannot have been recorded well. To be asked before anything is converted:
    a resampler hides clipping, and spreads NaN.
    """
    if not np.isfinite(samples).all():
        raise InvalidAudio("the recording has NaN or infinite samples; export it again")
    loudness = np.abs(samples)
    peak = float(loudness.max())
    if peak > MAX_PEAK:
        raise InvalidAudio(f"the recording has samples of {peak:.3g} times full scale; send floats of -1.0 to 1.0")
    if peak < MIN_PEAK:
        raise _silent()
    clipped = np.count_nonzero(loudness >= FULL_SCALE) / loudness.size
    if clipped > MAX_CLIPPED:
        raise InvalidAudio(
            f"the recording is distorted, it was recorded too loud: {clipped:.0%} of its samples are at full "
            f"scale, more than {MAX_CLIPPED:.0%}; send a softer one"
        )


def found_speech(samples: Samples) -> SpeechSpan:
    """Where the speech is in a recording at 24 kHz. Raises `InvalidAudio` when it is too faint or too little."""
    steps = len(samples) // STEP
    steady = samples[: steps * STEP] - samples.mean(dtype=np.float64)  # an offset of the microphone is not sound
    powers: NDArray[np.float64] = np.mean(np.square(steady.reshape(steps, STEP), dtype=np.float64), axis=1)
    audible = powers > 10 ** (FLOOR_DBFS / 10)
    if not audible.any():
        raise _silent()
    loudest = np.sort(powers[audible])
    loud = loudest[-1 - len(loudest) // 20]
    active = np.flatnonzero(audible & (powers >= loud * 10 ** (-SPEECH_RANGE_DB / 10)))
    level = 10 * log10(np.minimum(powers[active], loud).mean())  # a knock does not make it louder
    if level < MIN_DBFS:
        raise InvalidAudio(
            f"the recording is too faint, its speech is at {level:.0f} dBFS; send one of at least "
            f"{MIN_DBFS:.0f} dBFS, spoken nearer to the microphone"
        )
    gaps = np.diff(active) - 1
    seconds = (len(active) + int(gaps[gaps <= MAX_PAUSE].sum())) * STEP / SAMPLE_RATE
    whole = len(samples) / SAMPLE_RATE
    if seconds < MIN_SPEECH_S or seconds < MIN_SPEECH_SHARE * whole:
        raise InvalidAudio(
            f"the recording is mostly silence, somebody speaks in {seconds:.1f} s of its {whole:.1f} s; send at "
            "least 1 s of speech, and not more than three times as much silence"
        )
    parts = np.split(active, np.flatnonzero(gaps > MAX_PAUSE) + 1)
    spans = tuple((int(part[0]), int(part[-1])) for part in parts)
    return SpeechSpan(int(active[0]), int(active[-1]), seconds, level, spans)


def normalized(samples: Samples, speech: SpeechSpan) -> tuple[Samples, float, float]:
    """The same at the level that serves best and without the silence around it; also the gain in dB and the seconds
    that were cut off. At least as much is left as there is speech.
    """
    steady = (samples - samples.mean(dtype=np.float64)).astype(np.float32)
    kept = steady[max(0, speech.first * STEP - MARGIN) : (speech.last + 1) * STEP + MARGIN]
    room_db = PEAK_DBFS - 20 * log10(float(np.abs(kept).max()))
    gain_db = min(LEVEL_DBFS - speech.level_dbfs, room_db)
    return kept * np.float32(10 ** (gain_db / 20)), gain_db, (len(samples) - len(kept)) / SAMPLE_RATE


def _silent() -> InvalidAudio:
    return InvalidAudio("the recording is silent; send one in which somebody speaks")
