import numpy as np
import pytest
from msgspec.structs import replace
from numpy.typing import NDArray

from app.inference.espeak_voices import CARD, espeak_voices
from app.inference.model import SAMPLE_RATE, FinishReason
from app.scheduler.pauses import pause_factor
from app.workers.synthesis.espeak.model import Espeak
from tests.support.speaking import speak, utterance
from tests.support.variants import in_test_long, mostly_in_test_long

#: All of it voiced, so that there is a pitch to be measured.
VOICED = "We were away a year ago, and we are on our way home now. All our money rolled away in a row."

#: The library counts its words per minute in running text.
PROSE = (
    "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness, "
    "it was the epoch of belief, it was the epoch of incredulity. We looked out of the window for a long while."
)

#: A sentence for the languages whose script is not Latin. Digits are spoken in every language.
SAMPLES = {
    "ru": "Привет, как дела?",
    "ar": "مرحبا بالعالم",
    "he": "שלום עולם",
    "hi": "नमस्ते दुनिया",
    "cmn": "今天天气很好。",
    "ja": "こんにちは、せかい。",
    "ko": "안녕하세요",
    "th": "สวัสดีชาวโลก",
    "el": "Καλημέρα κόσμε",
    "am": "ሰላም ልዑል",
    "ka": "გამარჯობა",
}


def fundamental(samples: NDArray[np.float64]) -> float:
    """The median pitch of the voiced stretches, in Hertz, by autocorrelation."""
    size = 3_000
    pitches: list[float] = []
    for start in range(0, len(samples) - size, 600):
        window = samples[start : start + size]
        if np.sqrt(np.mean(window**2)) < 0.03:
            continue
        spectrum = np.abs(np.fft.rfft(window * np.hanning(size), 2 * size)) ** 2
        similar = np.fft.irfft(spectrum)[SAMPLE_RATE // 500 : SAMPLE_RATE // 40]
        peaks = np.flatnonzero(
            (similar[1:-1] > similar[:-2]) & (similar[1:-1] >= similar[2:]) & (similar[1:-1] > 0.85 * similar.max())
        )
        if len(peaks):
            pitches.append(SAMPLE_RATE / (SAMPLE_RATE // 500 + 1 + int(peaks[0])))
    return float(np.median(pitches))


VOICES = [voice.name for voice in espeak_voices()]


@pytest.mark.parametrize("voice", mostly_in_test_long(VOICES, but=VOICES[::6]))
def test_every_voice_speaks(espeak: Espeak, voice: str) -> None:
    text = "1 2 3, hello. " + SAMPLES.get(voice.partition("-")[0], "")

    spoken = speak(espeak, utterance(text, voice))

    assert spoken.reason is FinishReason.STOP
    assert 0.4 < spoken.seconds < 15
    assert -40 < spoken.level < -6


def test_every_variant_but_one_sounds_like_itself(espeak: Espeak) -> None:
    voices = ["de", *(voice.name for voice in espeak_voices() if voice.variant)]

    pcm = {name: speak(espeak, utterance("Guten Tag!", name, language="de")).pcm for name in voices}

    different = {name for name in voices if pcm[name] != pcm["de"]}
    assert set(voices) - different == {"de", "!v/fast"}  # which only pauses less at high speed


def test_a_variant_speaks_the_language_of_the_request(espeak: Espeak) -> None:
    languages = ("", "en-US", "de", "fr", "cmn")

    spoken = [speak(espeak, utterance("1 2 3", "!v/m3", language=language)).pcm for language in languages]

    assert spoken[0] == spoken[1]
    assert len(set(spoken)) == 4


@pytest.mark.parametrize("voice", ["en-us", "de", "!v/f3"])
@pytest.mark.parametrize("rate", [0.5, 0.75, 1.5, 2.0])
def test_the_rate_scales_the_duration(espeak: Espeak, voice: str, rate: float) -> None:
    normal = speak(espeak, utterance(PROSE, voice)).seconds

    spoken = speak(espeak, replace(utterance(PROSE, voice), rate=rate))

    assert normal / spoken.seconds == pytest.approx(rate, rel=0.12)


@pytest.mark.parametrize("voice", ["en-us", "de", "!v/f3"])
@pytest.mark.parametrize(
    ("pitch", "heard"), [(0.5, 0.6), (2.0, 1.78), *in_test_long((0.7, 0.7), (1.25, 1.25), (1.5, 1.5))]
)
def test_the_pitch_scales_the_fundamental_as_far_as_the_library_goes(
    espeak: Espeak, voice: str, pitch: float, heard: float
) -> None:
    normal = fundamental(speak(espeak, utterance(VOICED, voice)).samples)

    spoken = speak(espeak, replace(utterance(VOICED, voice), pitch=pitch))

    assert fundamental(spoken.samples) / normal == pytest.approx(heard, rel=0.05)


@pytest.mark.parametrize("voice", ["en-us", "de", "es"])
@pytest.mark.parametrize("rate", [rate for rate, _ in CARD.pauses_at])
def test_the_card_says_how_the_pauses_between_sentences_shrink_with_the_rate(
    espeak: Espeak, voice: str, rate: float
) -> None:
    normal = longest_silence(speak(espeak, utterance("Era mana. Era mana.", voice)).samples)

    spoken = longest_silence(speak(espeak, replace(utterance("Era mana. Era mana.", voice), rate=rate)).samples)

    assert 0.29 < normal < 0.33, "what is added between chunks is as long"
    assert spoken == pytest.approx(0.32 * pause_factor(CARD, rate), rel=0.08, abs=0.01)


def longest_silence(samples: NDArray[np.float64]) -> float:
    """Between two sounds, in seconds."""
    return float(np.diff(np.flatnonzero(np.abs(samples) >= 256 / 32_768)).max()) / SAMPLE_RATE
