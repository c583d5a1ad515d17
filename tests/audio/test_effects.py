"""Rate, pitch and volume, as one chunk's audio passes through them."""

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from app import SAMPLE_RATE
from app.audio.effects.effects import Effects
from app.audio.effects.limiter import KNEE, amplify
from tests.support.running import command
from tests.support.variants import in_test_long

Signal = NDArray[np.float64]

RATES = (0.5, 0.75, 1.25, 2.0)
PITCHES = (0.5, 0.8, 1.25, 2.0)


def pcm(signal: Signal) -> bytes:
    """A signal of -1.0 to 1.0 as PCM."""
    return np.clip(np.rint(signal * 32768), -32768, 32767).astype("<i2").tobytes()


def signal(audio: bytes) -> Signal:
    return np.frombuffer(audio, dtype="<i2") / 32768


def through(effects: Effects, audio: bytes, piece: int = 3840) -> bytes:
    pieces = [effects.push(audio[at : at + piece]) for at in range(0, len(audio), piece)]
    return b"".join([*pieces, effects.finish()])


def sine(frequency: float, seconds: float = 2.0) -> Signal:
    return 0.5 * np.sin(2 * np.pi * frequency * np.arange(int(SAMPLE_RATE * seconds)) / SAMPLE_RATE)


def vowel(f0: float, seconds: float = 2.0) -> Signal:
    """Something like "ah": the harmonics of a voice, stronger near three formants."""
    time = np.arange(int(SAMPLE_RATE * seconds)) / SAMPLE_RATE
    sound = np.zeros_like(time)
    for harmonic in np.arange(f0, 4000, f0):
        height = sum(np.exp(-(((harmonic - formant) / 200) ** 2)) for formant in (700, 1200, 2600))
        sound += (0.05 + height) * np.sin(2 * np.pi * harmonic * time + harmonic**2)
    return 0.6 * sound / np.abs(sound).max()


def middle(sound: Signal) -> Signal:
    return sound[len(sound) // 4 : 3 * len(sound) // 4]


def strongest_frequency(sound: Signal) -> float:
    """Of a steady tone, in Hertz: the peak of the spectrum, refined by a parabola through its neighbours."""
    spectrum = np.abs(np.fft.rfft(middle(sound) * np.hanning(len(middle(sound))), 1 << 20))
    peak = int(spectrum.argmax())
    left, top, right = np.log(spectrum[peak - 1 : peak + 2])
    return float((peak + 0.5 * (left - right) / (left - 2 * top + right)) * SAMPLE_RATE / (1 << 20))


def fundamental(sound: Signal) -> float:
    """Of a voice, in Hertz: the shortest lag at which it is nearly as similar to itself as it ever gets."""
    part = middle(sound)[:SAMPLE_RATE]
    likeness = np.fft.irfft(np.abs(np.fft.rfft(part, 1 << 16)) ** 2)
    shortest, longest = SAMPLE_RATE // 500, SAMPLE_RATE // 50
    enough = 0.85 * likeness[shortest:longest].max()
    lag = next(
        lag
        for lag in range(shortest, longest)
        if likeness[lag] > enough and likeness[lag] >= max(likeness[lag - 1], likeness[lag + 1])
    )
    left, top, right = likeness[lag - 1 : lag + 2]
    return float(SAMPLE_RATE / (lag + 0.5 * (left - right) / (left - 2 * top + right)))


def cents(measured: float, wanted: float) -> float:
    return float(1200 * np.log2(measured / wanted))


def level_db(sound: Signal) -> float:
    return float(10 * np.log10(np.mean(middle(sound) ** 2)))


def largest_jump(sound: Signal) -> float:
    return float(np.abs(np.diff(sound)).max())


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("samples", [0, 1, 2, 100, 479, 481, 1024, 5000, 24_001])
def test_the_output_has_exactly_the_length_of_the_input_divided_by_the_rate(rate: float, samples: int) -> None:
    spoken = pcm(vowel(150)[:samples])

    changed = through(Effects(rate=rate), spoken)

    assert len(changed) == 2 * round(samples / rate)


@pytest.mark.parametrize("pitch", PITCHES)
@pytest.mark.parametrize("samples", [0, 1, 2, 100, 479, 481, 1024, 5000, 24_001])
def test_a_pitch_alone_keeps_the_exact_length(pitch: float, samples: int) -> None:
    spoken = pcm(vowel(150)[:samples])

    changed = through(Effects(pitch=pitch), spoken)

    assert len(changed) == len(spoken)


@pytest.mark.parametrize("rate", RATES)
def test_a_rate_keeps_the_pitch_of_a_tone_and_of_voices_low_and_high(rate: float) -> None:
    tone, low, high = sine(220), vowel(80), vowel(210)

    changed = [signal(through(Effects(rate=rate), pcm(sound))) for sound in (tone, low, high)]

    assert abs(cents(strongest_frequency(changed[0]), 220)) < 5
    assert abs(cents(fundamental(changed[1]), 80)) < 5
    assert abs(cents(fundamental(changed[2]), 210)) < 5


@pytest.mark.parametrize("pitch", PITCHES)
def test_a_pitch_scales_the_frequency_of_a_tone_and_of_a_voice(pitch: float) -> None:
    tone, voice = sine(220), vowel(120)

    changed = [signal(through(Effects(pitch=pitch), pcm(sound))) for sound in (tone, voice)]

    assert abs(cents(strongest_frequency(changed[0]), 220 * pitch)) < 5
    assert abs(cents(fundamental(changed[1]), 120 * pitch)) < 5


@pytest.mark.parametrize(
    ("rate", "pitch"), [(0.5, 2.0), (2.0, 0.5), (2.0, 2.0), (0.5, 0.5), (1.1, 1.1), (1.3, 0.9), (0.9, 1.3)]
)
def test_rate_pitch_and_volume_work_together(rate: float, pitch: float) -> None:
    voice = vowel(120)

    changed = signal(through(Effects(rate=rate, pitch=pitch, volume=0.5), pcm(voice)))

    assert len(changed) == round(len(voice) / rate)
    assert abs(cents(fundamental(changed), 120 * pitch)) < 5
    assert level_db(changed) - level_db(voice) == pytest.approx(-6.02, abs=1.0)


@pytest.mark.parametrize(("rate", "pitch"), [*((r, 1.0) for r in RATES), *((1.0, p) for p in PITCHES), (0.5, 2)])
def test_the_level_stays_within_a_decibel(rate: float, pitch: float) -> None:
    voice = vowel(120)

    changed = signal(through(Effects(rate=rate, pitch=pitch), pcm(voice)))

    assert abs(level_db(changed) - level_db(voice)) < 1.0


@pytest.mark.parametrize(("rate", "pitch"), [*((r, 1.0) for r in RATES), *((1.0, p) for p in PITCHES)])
def test_there_are_no_clicks_inside(rate: float, pitch: float) -> None:
    tone, voice = sine(220), vowel(120)

    for sound in (tone, voice):
        changed = signal(through(Effects(rate=rate, pitch=pitch), pcm(sound)))
        # A higher pitch is steeper by itself; a click would be several times as steep as anything in the input.
        assert largest_jump(middle(changed)) < 1.3 * max(1.0, pitch) * largest_jump(sound)


@pytest.mark.parametrize("background", [0.0, 0.001], ids=["after silence", "after noise"])
@pytest.mark.parametrize(("rate", "pitch"), [(0.75, 1), (0.9, 1), (1.1, 1), (1.25, 1), (2, 1), (1, 0.8), (1, 1.25)])
def test_sounds_begin_where_they_should(rate: float, pitch: float, background: float) -> None:
    late_ms: list[float] = []
    noise = np.random.default_rng(1)
    for at in range(9600, 15_600, 311):
        sound = background * noise.standard_normal(24_000)
        sound[at : at + 4800] += sine(150, 0.2) * np.hanning(9600)[4800:]
        changed = signal(through(Effects(rate=rate, pitch=pitch), pcm(sound)))
        late_ms.append(float((np.flatnonzero(np.abs(changed) > 0.15)[0] - at / rate) / SAMPLE_RATE * 1000))

    assert abs(np.mean(late_ms)) < 10
    assert max(abs(late) for late in late_ms) < 20


def test_a_single_click_stays_where_it_was() -> None:
    sound = np.zeros(48_000)
    sound[24_000:24_048] = 0.8 * np.hanning(48)

    changed = signal(through(Effects(rate=1.25), pcm(sound)))

    assert abs(int(np.abs(changed).argmax()) - 24_024 / 1.25) < 0.015 * SAMPLE_RATE
    assert np.abs(changed).max() > 0.25


def test_the_last_sound_of_a_chunk_is_still_there() -> None:
    for rate in RATES:
        sound = np.concatenate([np.zeros(12_000), sine(200, 0.1)])

        changed = signal(through(Effects(rate=rate), pcm(sound)))

        heard = np.flatnonzero(np.abs(changed) > 0.1)
        assert len(heard) > 0.5 * 2400 / rate
        assert heard[-1] > len(changed) - 0.03 * SAMPLE_RATE


@pytest.mark.parametrize("rate", [0.7, 1.5, *in_test_long(0.5, 0.9, 1.1, 2.0)])
def test_a_chunk_that_dies_away_quickly_ends_without_a_click(rate: float) -> None:
    for samples in range(20_000, 26_000, 397):
        voice = vowel(120)[:samples]
        voice[-240:] *= np.linspace(1, 0, 240)

        changed = signal(through(Effects(rate=rate), pcm(voice)))

        assert abs(changed[-1]) < 0.02


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("samples", [50, 240, 700])
def test_a_chunk_of_a_few_milliseconds_is_still_heard(rate: float, samples: int) -> None:
    blip = sine(1000)[:samples]

    changed = signal(through(Effects(rate=rate), pcm(blip)))

    assert np.abs(changed).max() > 0.3


@settings(max_examples=60, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 6000), max_size=30),
    samples=st.integers(0, 6000),
    rate=st.sampled_from([0.5, 0.75, 1.0, 1.25, 2.0]),
    pitch=st.sampled_from([0.5, 0.9, 1.0, 1.3, 2.0]),
    volume=st.sampled_from([0.0, 0.5, 1.0, 1.7]),
)
def test_the_bytes_do_not_depend_on_how_the_input_is_cut(
    cuts: list[int], samples: int, rate: float, pitch: float, volume: float
) -> None:
    spoken = pcm(vowel(130, 0.25)[:samples])
    whole, pieces = (Effects(rate=rate, pitch=pitch, volume=volume) for _ in range(2))
    edges = [0, *sorted(min(cut, samples) for cut in cuts), samples]

    at_once = whole.push(spoken) + whole.finish()
    piecewise = b"".join(pieces.push(spoken[2 * a : 2 * b]) for a, b in pairwise(edges)) + pieces.finish()

    assert piecewise == at_once


@pytest.mark.parametrize("piece", [2, 6, 14])
def test_pushes_of_a_few_samples_give_the_same_bytes(piece: int) -> None:
    spoken = pcm(vowel(130, 0.25))

    tiny = through(Effects(rate=0.8, pitch=1.2, volume=1.5), spoken, piece)

    assert tiny == through(Effects(rate=0.8, pitch=1.2, volume=1.5), spoken, len(spoken))


def in_a_process(settings: dict[str, float], audio: bytes) -> dict[str, Any]:
    """What a process of its own says of the effects that it has applied."""
    applying = command("effects", json.dumps(settings))
    run = subprocess.run(applying, input=audio, capture_output=True, check=True)
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def test_another_process_gives_the_same_bytes() -> None:
    spoken = pcm(vowel(130, 0.5))

    first, second = (in_a_process({"rate": 1.3, "pitch": 0.9, "volume": 1.4}, spoken) for _ in range(2))

    assert first == second


def test_audio_comes_out_while_it_goes_in_and_never_more_than_is_due() -> None:
    effects, given = Effects(rate=0.5), 0
    for pushed in range(1, 51):
        given += len(effects.push(pcm(vowel(130, 0.02)))) // 2

        assert given <= pushed * 480 / 0.5

    assert given > 0.85 * 50 * 480 / 0.5


@pytest.mark.parametrize("rate", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("pitch", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("volume", [0.5, 1.0, 2.0])
def test_silence_stays_silence(rate: float, pitch: float, volume: float) -> None:
    silent = bytes(2 * 10_000)

    changed = through(Effects(rate=rate, pitch=pitch, volume=volume), silent)

    assert changed == bytes(2 * round(10_000 / rate))


def test_the_volume_is_applied_after_the_rate_to_all_of_it() -> None:
    spoken = pcm(vowel(120, 0.5))

    together = through(Effects(rate=1.25, volume=1.6), spoken)

    assert together == amplify(through(Effects(rate=1.25), spoken), 1.6)


def test_a_volume_of_zero_is_silence() -> None:
    assert through(Effects(volume=0.0), pcm(vowel(120))) == bytes(2 * 48_000)


def test_a_volume_below_one_is_a_plain_gain() -> None:
    values = np.arange(-32768, 32768, dtype="<i2")

    changed = np.frombuffer(through(Effects(volume=0.75), values.tobytes()), dtype="<i2")

    assert np.array_equal(changed, np.rint(values * 0.75))


@given(st.floats(1.0, 2.0, exclude_min=True))
def test_a_volume_above_one_is_linear_to_the_knee_then_bends_without_a_step_and_never_clips(volume: float) -> None:
    values = np.arange(-32768, 32768, dtype="<i2")

    changed = np.frombuffer(amplify(values.tobytes(), volume), dtype="<i2").astype(np.int64)

    below = np.abs(values * volume) <= KNEE * 32768
    steps = np.diff(changed)
    assert np.array_equal(changed[below], np.rint(values[below] * volume))
    assert steps.min() >= 0, "it rises all the way"
    assert steps.max() <= np.ceil(volume), "it has no step"
    assert changed[0] == -32768
    assert changed[-1] >= 32766
    assert np.count_nonzero(changed == 32767) <= 6, "only the very loudest are at full scale"
    assert np.count_nonzero(changed == -32768) <= 6


def test_volumes_just_above_one_hardly_change_anything() -> None:
    values = np.arange(-32768, 32768, dtype="<i2")

    changed = np.frombuffer(amplify(values.tobytes(), 1.0001), dtype="<i2")

    assert np.abs(changed.astype(np.int64) - values).max() <= 4


@pytest.mark.parametrize("setting", [{"rate": 1.5}, {"pitch": 1.5}, {"volume": 1.5}])
def test_one_sample_stays_one_sample_and_gets_no_louder_than_asked(setting: dict[str, float]) -> None:
    changed = signal(through(Effects(**setting), pcm(np.array([0.25]))))

    assert len(changed) == 1
    assert np.abs(changed).max() <= 0.375


@pytest.mark.parametrize("setting", [{}, {"rate": 1.5}, {"pitch": 1.5}, {"volume": 1.5}])
def test_no_audio_gives_none(setting: dict[str, float]) -> None:
    effects = Effects(**setting)

    assert effects.push(b"") == b""
    assert effects.finish() == b""


@pytest.mark.parametrize("setting", [{}, {"rate": 1.5}, {"pitch": 1.5}, {"volume": 1.5}])
def test_half_a_sample_is_refused_and_not_taken(setting: dict[str, float]) -> None:
    effects, spoken = Effects(**setting), pcm(vowel(120, 0.1))

    with pytest.raises(ValueError, match="even number of bytes"):
        effects.push(b"abc")

    assert effects.push(spoken) + effects.finish() == through(Effects(**setting), spoken)


def test_effects_are_used_once() -> None:
    effects = Effects(rate=1.5)
    effects.finish()

    with pytest.raises(RuntimeError, match="finished"):
        effects.push(b"")
    with pytest.raises(RuntimeError, match="finished"):
        effects.finish()


@pytest.mark.parametrize("name", ["rate", "pitch", "volume"])
@pytest.mark.parametrize("value", [-1.0, 2.001, float("nan"), float("inf"), float("-inf")])
def test_values_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        Effects(**{name: value})


@pytest.mark.parametrize("name", ["rate", "pitch"])
def test_less_than_half_the_rate_or_pitch_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"between 0\.5 and 2\.0"):
        Effects(**{name: 0.499})


def test_with_every_setting_at_one_the_very_same_object_comes_back() -> None:
    effects, spoken = Effects(rate=1.0, pitch=1.0, volume=1.0), pcm(vowel(120, 0.1))

    assert effects.idle
    assert effects.push(spoken) is spoken
    assert effects.finish() == b""


@pytest.mark.parametrize("setting", [{"rate": 0.9}, {"pitch": 1.1}, {"volume": 0.0}])
def test_with_any_other_setting_they_are_not_idle(setting: dict[str, float]) -> None:
    assert not Effects(**setting).idle


@pytest.mark.parametrize(
    ("settings", "audio", "loaded"),
    [
        ({}, bytes(9_600), []),
        ({"rate": 1.5, "pitch": 0.8, "volume": 1.2}, b"", []),
        ({"volume": 1.5}, bytes(9_600), ["numpy"]),
    ],
    ids=["idle", "before the first audio", "volume alone"],
)
def test_libraries_are_loaded_only_by_audio_that_needs_them(
    settings: dict[str, float], audio: bytes, loaded: list[str]
) -> None:
    assert in_a_process(settings, audio)["loaded"] == loaded


@pytest.mark.skipif(sys.platform != "linux", reason="reads the process's size from /proc")
def test_memory_stays_flat_over_a_thousand_chunks_finished_or_dropped() -> None:
    spoken = pcm(vowel(120, 0.1))

    def resident_kb_after(chunks: int) -> int:
        for number in range(chunks):
            effects = Effects(rate=1.25, pitch=0.9, volume=1.5)
            effects.push(spoken)
            if number % 2:
                effects.finish()
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4

    before = resident_kb_after(100)
    after = resident_kb_after(1000)

    assert after - before < 4000, "a graph that stays would take 100 kB"
