"""What is taken for speech: voices of every kind, and neither a steady tone nor steady noise."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import soxr  # pyright: ignore[reportMissingTypeStubs]  # typed inline, but without its marker

from app.errors import InvalidAudio
from app.inference.espeak_voices import espeak_data
from app.workers.recording.main import decoded
from app.workers.synthesis.espeak.library import ESPEAK_RATE, EspeakLibrary, SpeechRequest
from tests.audio.recordings import KINDS, Signal, file, quiet

RATE = 24_000

TEXTS = {
    "gmw/en-US": "I met her near the old harbor on a Sunday morning, and we spoke about the weather.",
    "gmw/de": "Der Zug nach Hamburg f\u00e4hrt leider erst um halb neun, wir warten noch am Bahnsteig.",
    "roa/fr": "Nous avons longtemps march\u00e9 dans la vieille ville sans trouver le restaurant dont tu parlais.",
    "jpx/ja": (
        "\u308f\u305f\u3057\u306f \u3042\u3057\u305f \u3046\u307f\u3078 \u3044\u304d\u307e\u3059\u3002 "
        "\u3066\u3093\u304d\u304c \u3088\u3051\u308c\u3070 \u3044\u3044\u3067\u3059\u306d\u3002"
    ),
    "sem/ar": (
        "\u0633\u0646\u0630\u0647\u0628 \u063a\u062f\u0627 \u0635\u0628\u0627\u062d\u0627 "
        "\u0645\u0639\u0627 \u0625\u0644\u0649 \u0627\u0644\u0628\u062d\u0631"
    ),
}


@cache
def voice(name: str = "gmw/en-US", rate: int = 175, pitch: int = 50) -> Signal:
    """A voice as espeak-ng speaks, with a peak of 0.7."""
    folder = espeak_data()
    assert folder is not None
    pcm = bytearray()

    def listen(samples: bytes) -> bool:
        pcm.extend(samples)
        return True

    text = TEXTS[name.partition("+")[0]]
    speech = SpeechRequest(text=text, voice=name, seed=1, rate=rate, pitch=pitch, pitch_range=50)
    EspeakLibrary(folder).speak(speech, listen)
    wide = np.frombuffer(bytes(pcm), "<i2").astype(np.float64)
    samples: Signal = soxr.resample(wide, ESPEAK_RATE, RATE)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return np.asarray(0.7 * samples / np.abs(samples).max(), np.float64)


def noise(seconds: float, slope: float = 0.0, seed: int = 1) -> Signal:
    """Noise with a peak of 0.5 whose amplitude goes with this power of the frequency."""
    count = round(seconds * RATE)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    samples = np.fft.irfft(spectrum * np.maximum(np.arange(len(spectrum)), 1.0) ** slope, count)
    return 0.5 * samples / np.abs(samples).max()


def waves(*frequencies: float, seconds: float = 3.0) -> Signal:
    times = np.arange(round(seconds * RATE)) / RATE
    return sum((0.2 * np.sin(2 * np.pi * frequency * times) for frequency in frequencies), np.zeros(len(times)))


def with_noise(samples: Signal, ratio_db: float, slope: float = 0.0) -> Signal:
    """The same with noise that is weaker than the speech by this ratio."""
    speech = samples[np.abs(samples) > 0.01]
    added = noise(len(samples) / RATE, slope)
    return samples + added / added.std() * np.sqrt(np.mean(speech**2)) * 10 ** (-ratio_db / 20)


def clipped(samples: Signal, share: float) -> Signal:
    """The same, so loud that this share of it is at full scale."""
    ranked = np.sort(np.abs(samples))
    return np.clip(samples / ranked[int(len(ranked) * (1 - share))], -1.0, 1.0)


def by_telephone(samples: Signal) -> Signal:
    spectrum = np.fft.rfft(samples)
    frequencies = np.fft.rfftfreq(len(samples), 1 / RATE)
    spectrum[(frequencies < 300) | (frequencies > 3_400)] = 0
    return np.fft.irfft(spectrum, len(samples))


def in_a_hall(samples: Signal) -> Signal:
    """With an echo that dies away in 0.6 s."""
    times = np.arange(int(0.8 * RATE)) / RATE
    echo = np.random.default_rng(2).standard_normal(len(times)) * 10 ** (-3 * times / 0.6)
    echo[0] = 6.0
    size = len(samples) + len(echo)
    wet = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(echo, size), size)
    return 0.7 * wet / np.abs(wet).max()


def with_a_knock(samples: Signal) -> Signal:
    knocked = 0.1 * samples
    knocked[RATE : RATE + RATE // 50] = 2 * noise(0.02)
    return knocked


@pytest.mark.parametrize("rate", [175, *(pytest.param(rate, marks=pytest.mark.long) for rate in (110, 320))])
@pytest.mark.parametrize("name", [*TEXTS, "gmw/de+f2", "gmw/en-US+whisper", "roa/fr+m3"])
def test_a_voice_of_any_language_speed_and_pitch_is_speech(name: str, rate: int) -> None:
    for pitch in (20, 80):
        assert decoded(file(voice(name, rate, pitch)), normalize=True).seconds >= 1.0


SPOKEN: dict[str, Callable[[Signal], Signal]] = {
    "a loud voice message": lambda samples: clipped(samples, 0.03),
    "a very loud voice message": lambda samples: clipped(samples, 0.05),
    "compressed": lambda samples: 0.9 * np.tanh(8 * samples),
    "compressed with the noise": lambda samples: 0.9 * np.tanh(8 * with_noise(samples, 10)),
    "beside a fan": lambda samples: 0.5 * with_noise(samples, 15),
    "in a car": lambda samples: 0.3 * with_noise(samples, 10, -1.0),
    "in a crowd": lambda samples: 0.4 * with_noise(samples, 10, -0.5),
    "noise almost as loud": lambda samples: 0.4 * with_noise(samples, 3),
    "a telephone": by_telephone,
    "a noisy telephone": lambda samples: by_telephone(0.4 * with_noise(samples, 12)),
    "a hall": in_a_hall,
    "a hum below": lambda samples: 0.4 * (samples + waves(50, seconds=len(samples) / RATE)),
    "a knock": with_a_knock,
    "little more than a second": lambda samples: samples[6_000:34_000],
}


@pytest.mark.parametrize("name", ["gmw/en-US", "sem/ar+f2", "gmw/en-US+whisper"])
@pytest.mark.parametrize("how", SPOKEN)
def test_speech_is_heard_however_it_was_recorded(how: str, name: str) -> None:
    assert decoded(file(SPOKEN[how](voice(name))), normalize=False).seconds >= 1.0


STEADY: dict[str, Callable[[], Signal]] = {
    "white noise": lambda: noise(3),
    "pink noise": lambda: noise(3, -0.5),
    "brown noise": lambda: noise(3, -1.0),
    "blue noise": lambda: noise(3, 0.5),
    "a second of noise": lambda: noise(1, -0.5),
    "noise that is clipped": lambda: np.clip(1.2 * noise(3) / 0.5, -1, 1),
    "30 seconds of noise": lambda: noise(30, -1.0),
    "noise between silence": lambda: np.concatenate([quiet(1.23), noise(1.5), quiet(1.31)]),
    "noise, silence, noise": lambda: np.concatenate([noise(1.26), quiet(0.47), noise(1.3, seed=2)]),
    "a sine": lambda: waves(440),
    "a deep sine": lambda: waves(60),
    "a high sine": lambda: waves(9_000),
    "a sine, silence, a sine": lambda: np.concatenate([waves(440), quiet(0.47), waves(440)]),
    "a square wave": lambda: np.sign(waves(220)) * 0.3,
    "a mains hum with noise": lambda: np.sign(waves(50)) * 0.3 + 0.02 * noise(3),
    "a dial tone": lambda: waves(350, 440),
    "a chord": lambda: waves(261.6, 329.6, 392),
    "a sweep": lambda: (
        0.3 * np.sin(2 * np.pi * (100 + 1_000 * np.arange(72_000) / RATE) * np.arange(72_000) / RATE)
    ),
}


@pytest.mark.parametrize("name", STEADY)
def test_a_steady_tone_and_steady_noise_are_refused_as_no_speech(name: str) -> None:
    with pytest.raises(
        InvalidAudio, match=r"no speech is heard .* steady tone or steady noise.* send one in which"
    ):
        decoded(file(STEADY[name]()), normalize=True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name", ["white noise", *(pytest.param(name, marks=pytest.mark.long) for name in ("a sine", "a chord"))]
)
def test_no_kind_of_file_makes_speech_of_them(kind: str, name: str) -> None:
    with pytest.raises(InvalidAudio, match="no speech is heard"):
        decoded(KINDS[kind](STEADY[name]()), normalize=True)


def test_what_is_clipped_beyond_use_is_refused_with_what_was_measured() -> None:
    with pytest.raises(InvalidAudio, match=r"distorted, .*: 15% of its samples are at full scale, more than 10%"):
        decoded(file(clipped(voice(), 0.15)), normalize=True)
