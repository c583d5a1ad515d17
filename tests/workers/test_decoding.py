"""What becomes of an untrusted file: a recording of one form, or words that say what would be right."""

import struct
import subprocess
import sys
import time
from math import log10
from typing import Any

import av.logging
import numpy as np
import pytest

from app.audio.recordings.reference import Recording
from app.errors import InvalidAudio
from app.workers.recording.main import decoded
from tests.audio.recordings import (
    KINDS,
    Signal,
    ffmpeg_file,
    file,
    film,
    flac_bomb,
    in_pause,
    quiet,
    soft_noise,
    tone,
    with_cover,
    with_flac_samples,
    with_wav_size,
)
from tests.support.variants import in_test_long

PATIENCE_S = 60.0

#: What its pauses take from a `tone`: a tenth of its time.
PAUSES = 0.9
PAUSES_DB = 10 * log10(PAUSES)


def kept(data: bytes) -> Recording:
    return decoded(data, normalize=False)


def normalized(data: bytes) -> Recording:
    return decoded(data, normalize=True)


def signal(recording: Recording) -> Signal:
    return np.frombuffer(recording.pcm, "<i2") / 32768


def level_dbfs(samples: Signal) -> float:
    return 10 * np.log10(np.mean(samples**2))


def middle(samples: Signal) -> Signal:
    return samples[len(samples) // 4 : 3 * len(samples) // 4]


def height(samples: Signal, frequency: float, *, rate: int = 24_000) -> float:
    """Of a tone in the middle of it; full scale is 1.0."""
    part = middle(samples)
    wave = np.exp(-2j * np.pi * frequency * np.arange(len(part)) / rate) * np.hanning(len(part))
    return float(4 * abs(wave @ part) / len(part))


def strongest_frequency(samples: Signal, *, rate: int = 24_000) -> float:
    part = middle(samples)
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), 1 << 20))
    return float(spectrum.argmax() * rate / (1 << 20))


def refusal(data: bytes) -> str:
    with pytest.raises(InvalidAudio) as refused:
        normalized(data)
    assert refused.value.code == "INVALID_AUDIO"
    return refused.value.message


@pytest.mark.parametrize("rate", [48_000, 16_000])
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_any_kind_becomes_the_same_recording(kind: str, rate: int) -> None:
    recording = kept(KINDS[kind](tone(2.3, 997.0, rate=rate), rate=rate))

    assert recording.sample_rate == 24_000
    assert recording.seconds == pytest.approx(2.3, abs=0.07)
    assert strongest_frequency(signal(recording)) == pytest.approx(997.0, abs=0.5)
    assert level_dbfs(middle(signal(recording))) == pytest.approx(-13.5 + PAUSES_DB, abs=0.5)
    assert recording.level_dbfs == pytest.approx(-13.5, abs=0.5)


@pytest.mark.parametrize("kind", KINDS)
def test_both_channels_of_a_file_of_any_kind_are_heard(kind: str) -> None:
    left, right = tone(2.0, 500.0, rate=48_000), tone(2.0, 1300.0, rate=48_000)

    mixed = signal(kept(KINDS[kind](np.column_stack([left, right]), rate=48_000)))

    assert len(mixed) == pytest.approx(48_000, abs=1_500)
    assert height(mixed, 500.0) == pytest.approx(0.15 * PAUSES, abs=0.01)
    assert height(mixed, 1300.0) == pytest.approx(0.15 * PAUSES, abs=0.01)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 96_000, 192_000])
def test_any_rate_of_samples_becomes_24_kHz_in_the_same_time(rate: int) -> None:
    recording = kept(file(tone(1.5, 700.0, rate=rate), rate=rate))

    assert recording.seconds == pytest.approx(1.5, abs=0.001)
    assert strongest_frequency(signal(recording)) == pytest.approx(700.0, abs=0.2)


def test_what_is_above_half_the_rate_does_not_come_back_as_something_else() -> None:
    samples = tone(2.0, 1_000.0, rate=48_000) + tone(2.0, 20_000.0, rate=48_000)

    recording = signal(kept(file(samples, rate=48_000)))

    assert height(recording, 1_000.0) == pytest.approx(0.3 * PAUSES, abs=0.01)
    assert height(recording, 4_000.0) < 0.0003  # where 20 kHz would be mirrored to


def test_samples_that_are_right_already_are_kept_bit_by_bit() -> None:
    samples = np.random.default_rng(3).integers(-32768, 32768, 48_000).astype("<i2")
    samples[in_pause(np.arange(48_000) / 24_000)] = 0

    assert kept(file(samples)).pcm == samples.tobytes()


def test_floats_beyond_full_scale_are_held_there_and_not_wrapped() -> None:
    samples = tone(2.0)
    samples[1000:1010], samples[2000:2010] = 1.5, -1.5

    recording = np.frombuffer(kept(file(samples, subtype="FLOAT")).pcm, "<i2")

    assert set(recording[1000:1010]) == {32767}
    assert set(recording[2000:2010]) == {-32768}


def test_samples_are_rounded_to_the_nearest() -> None:
    steps = np.array([0.4, 0.6, -0.4, -0.6])

    recording = kept(file(np.concatenate([tone(1.5), steps / 32768]), subtype="FLOAT"))

    assert np.frombuffer(recording.pcm, "<i2")[-4:].tolist() == [0, 1, 0, -1]


def test_channels_that_cancel_each_other_out_do_not_become_silence() -> None:
    samples = tone(2.0)

    recording = kept(file(np.column_stack([samples, -samples])))

    assert height(signal(recording), 440.0) == pytest.approx(0.3 * PAUSES, abs=0.01)


def test_normalizing_brings_speech_to_one_level() -> None:
    for peak in (0.02, 0.1, 0.9):
        recording = normalized(file(tone(2.0, peak=peak)))

        assert level_dbfs(signal(recording)) == pytest.approx(-23.0 + PAUSES_DB, abs=0.1)
        assert recording.level_dbfs == -23.0


def test_pauses_do_not_count_for_the_level() -> None:
    samples = np.concatenate([tone(1.0), soft_noise(1.0), tone(1.0)])

    recording = signal(normalized(file(samples)))

    assert level_dbfs(recording[7_200:16_800]) == pytest.approx(-23.0, abs=0.2)  # between two pauses


def test_normalizing_keeps_peaks_one_decibel_below_full_scale() -> None:
    samples = tone(2.0, peak=0.02)
    samples[24_000] = 0.3

    recording = normalized(file(samples))

    assert 20 * np.log10(np.abs(signal(recording)).max()) == pytest.approx(-1.0, abs=0.02)
    assert level_dbfs(signal(recording)) == pytest.approx(recording.level_dbfs + PAUSES_DB, abs=0.2)
    assert recording.level_dbfs < -25


def test_a_knock_does_not_pass_for_the_speech() -> None:
    samples = tone(3.0, peak=0.03)
    samples[24_000:25_200] *= 30

    assert kept(file(samples)).level_dbfs == pytest.approx(-33.5, abs=0.2)


def test_normalizing_takes_an_offset_away() -> None:
    recording = signal(normalized(file(tone(2.0) + 0.2)))

    assert abs(recording.mean()) < 0.001
    assert level_dbfs(recording) == pytest.approx(-23.0 + PAUSES_DB, abs=0.1)


def test_normalizing_cuts_silence_at_both_ends_and_leaves_the_pauses() -> None:
    speech = np.concatenate([tone(1.0), soft_noise(0.8), tone(1.0)])
    samples = np.concatenate([soft_noise(1.5), speech, soft_noise(2.0)])

    recording = normalized(file(samples))

    assert recording.seconds == pytest.approx(2.8 + 0.6, abs=0.05)
    loud = np.flatnonzero(np.abs(signal(recording)) > 0.01)
    assert loud[0] / 24_000 == pytest.approx(0.3, abs=0.06)
    assert recording.seconds - loud[-1] / 24_000 == pytest.approx(0.3, abs=0.06)
    assert any("2.9 s of silence cut off" in note for note in recording.notes)


def test_what_is_left_is_never_shorter_than_a_second() -> None:
    samples = np.concatenate([quiet(1.0), tone(1.0), quiet(1.0)])

    assert 1.0 <= normalized(file(samples)).seconds <= 1.65


def test_without_normalizing_length_and_level_stay() -> None:
    samples = np.concatenate([quiet(1.0), tone(1.5, peak=0.02), quiet(1.0)])

    recording = kept(file(samples))

    assert recording.seconds == 3.5
    assert np.abs(signal(recording)).max() == pytest.approx(0.02, abs=0.0001)
    assert recording.notes == ()


def test_what_an_encoder_adds_does_not_make_thirty_seconds_too_long() -> None:
    for kind in ("m4a", "mp3"):
        assert 29.9 < kept(KINDS[kind](tone(30.0, rate=16_000), rate=16_000)).seconds <= 30.0


def test_an_mp3_file_that_was_cut_out_of_another_is_taken() -> None:
    whole = KINDS["mp3"](tone(4.0, rate=48_000), rate=48_000)
    frame = whole.index(whole[:2], len(whole) // 4)

    recording = kept(whole[frame:])

    assert 1.5 < recording.seconds < 3.5


def test_a_picture_in_the_file_is_not_looked_at() -> None:
    assert kept(with_cover(KINDS["mp3"](tone(2.0, rate=48_000), rate=48_000))).seconds == pytest.approx(2, abs=0.07)


def test_a_film_is_heard_and_no_decoder_of_pictures_sees_it() -> None:
    av.logging.set_level(av.logging.ERROR)
    try:
        with av.logging.Capture() as said:
            recording = kept(film(tone()))
    finally:
        av.logging.set_level(None)

    assert recording.seconds == pytest.approx(2.0, abs=0.05)
    assert strongest_frequency(signal(recording)) == pytest.approx(440.0, abs=0.5)
    assert {(name, text.strip()) for _, name, text in said} >= {
        ("mpeg4", "Codec (mpeg4) not on whitelist 'aac,alac'")
    }


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def seven_channels(format: str = "WAV") -> bytes:
    return file(np.column_stack([tone()] * 7), format=format)


def with_sample(value: float) -> bytes:
    samples = tone()
    samples[30_000] = value
    return file(samples, subtype="FLOAT")


BAD: dict[str, tuple[Any, str]] = {
    "text": (lambda: b"This is no recording. " * 20, "send a recording as WAV, FLAC, MP3, M4A or Ogg"),
    "nothing": (lambda: b"", "send a recording as WAV"),
    "no samples": (lambda: file(quiet(0)), "has no samples"),
    "8 bits": (lambda: file(tone(), subtype="PCM_U8"), "PCM of 16, 24 or 32 bits"),
    "64-bit floats": (lambda: file(tone(), subtype="DOUBLE"), "PCM of 16, 24 or 32 bits or 32-bit float"),
    "ADPCM": (lambda: file(tone(), subtype="MS_ADPCM"), "PCM of 16, 24 or 32 bits"),
    "A-law": (lambda: file(tone(), subtype="ALAW"), "PCM of 16, 24 or 32 bits"),
    "7 channels": (seven_channels, "mono or stereo"),
    "7 channels of FLAC": (lambda: seven_channels("FLAC"), "7 channels and 24000 Hz; send mono or stereo"),
    "4 kHz": (lambda: file(tone(rate=4_000), rate=4_000), "8 to 192 kHz"),
    "4 kHz of FLAC": (lambda: file(tone(rate=4_000), rate=4_000, format="FLAC"), "8 to 192 kHz"),
    "NaN": (lambda: with_sample(float("nan")), "NaN or infinite samples"),
    "infinite": (lambda: with_sample(float("-inf")), "NaN or infinite samples"),
    "floats of another scale": (
        lambda: with_sample(12_000.0),
        "1.2e+04 times full scale; send floats of -1.0 to 1.0",
    ),
    "too short": (lambda: file(tone(0.9)), "lasts 0.9 s; send 1 to 30 s"),
    "too short FLAC": (lambda: file(tone(0.9), format="FLAC"), "lasts 0.9 s; send 1 to 30 s"),
    "too long": (lambda: file(tone(30.2)), "lasts 30.2 s; send 1 to 30 s"),
    "too long FLAC": (lambda: file(tone(30.2), format="FLAC"), "lasts 30.2 s; send 1 to 30 s"),
    "10 hours by its header": (
        lambda: with_wav_size(file(tone()), 10 * 3600 * 48_000),
        "cut short: its head promises 36000.0 s, but it holds 2.0 s",
    ),
    "half a FLAC file": (
        lambda: half(file(tone(), format="FLAC")),
        "cut short: its head promises 2.0 s",
    ),
    "10 hours by the header of FLAC": (
        lambda: with_flac_samples(file(tone(), format="FLAC"), 10 * 3600 * 24_000),
        "longer than 30 s; send 1 to 30 s",
    ),
    "a FLAC bomb": (lambda: flac_bomb(100.0), "longer than 30 s; send 1 to 30 s"),
    "too long MP3": (lambda: KINDS["mp3"](tone(32.0, rate=8_000), rate=8_000), "longer than 30 s"),
    "too long M4A": (lambda: ffmpeg_file(tone(32.0, rate=8_000), rate=8_000), "longer than 30 s"),
    "silent": (lambda: file(quiet(2.0)), "silent"),
    "all but silent": (lambda: file(tone(peak=0.009)), "silent"),
    "silent but for an offset": (lambda: file(quiet(2.0) + 0.3), "silent"),
    "silent but for a click": (lambda: file(np.concatenate([quiet(1.0), [0.5], quiet(1.0)])), "mostly silence"),
    "clipped": (
        lambda: file(np.clip(tone(peak=3.0), -1, 1)),
        "distorted, it was recorded too loud: 70% of its samples are at full scale, more than 10%; send",
    ),
    "clipped FLAC": (lambda: file(np.clip(tone(peak=3.0), -1, 1), format="FLAC"), "distorted"),
    "clipped in one channel": (
        lambda: file(np.column_stack([np.clip(tone(peak=3.0), -1, 1), tone()])),
        "distorted",
    ),
    "clipped at 8 kHz": (lambda: file(np.sign(tone(rate=8_000)), rate=8_000), "distorted"),
    "too faint": (
        lambda: file(np.concatenate([tone(2.0, peak=0.004), tone(0.01, peak=0.2)])),
        "too faint, its speech is at -51 dBFS; send one of at least -45 dBFS",
    ),
    "mostly silence": (
        lambda: file(np.concatenate([quiet(4.0), tone(1.2), quiet(4.0)])),
        "mostly silence, somebody speaks in 1.2 s of its 9.2 s; send at least 1 s of speech",
    ),
    "half a second of speech": (
        lambda: file(np.concatenate([soft_noise(0.5), tone(0.5), soft_noise(0.5)])),
        "somebody speaks in 0.5 s of its 1.5 s",
    ),
    "PCM in M4A": (lambda: ffmpeg_file(tone(), format="mov", codec="pcm_s16le"), "no sound of a known kind"),
    "MP3 in M4A": (lambda: ffmpeg_file(tone(), format="mp4", codec="libmp3lame"), "no sound of a known kind"),
    "text after the magic of MP3": (lambda: b"ID3\x04" + b"This is no recording." * 99, "MP3 file is damaged"),
    "text after the magic of M4A": (lambda: b"\0\0\0\x20ftypM4A " + b"no recording" * 99, "M4A file is damaged"),
    "text after the magic of Ogg": (lambda: b"OggS" + b"This is no recording." * 99, "Ogg file is damaged"),
    "text after the magic of FLAC": (lambda: b"fLaC" + b"This is no recording." * 99, "FLAC file is damaged"),
    "a WAV file with a hole for a head": (
        lambda: b"RIFF" + struct.pack("<I", 99) + b"WAVE" + bytes(99),
        "send a WAV",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_used_is_refused_with_what_would_be_right(name: str) -> None:
    make, words = BAD[name]

    assert words in refusal(make())


def test_a_file_that_unpacks_to_hours_is_left_as_soon_as_it_is_too_long() -> None:
    short, long = flac_bomb(35.0), flac_bomb(700.0)
    assert len(long) < 300_000
    spent: list[float] = []
    for bomb in (short, long):
        since = time.process_time()
        assert "longer than 30 s" in refusal(bomb)
        spent.append(time.process_time() - since)

    assert spent[1] < 5 * spent[0]  # all of it would be twenty times


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0xFFFFFFDB, 0x7FFFF000, 0x80000000])
def test_a_size_that_a_pipe_did_not_know_is_forgiven(size: int) -> None:
    assert kept(with_wav_size(file(tone()), size)).seconds == 2.0


def test_what_is_just_good_enough_is_taken() -> None:
    assert kept(file(tone(1.0))).seconds == 1.0
    assert kept(file(tone(30.0))).seconds == 30.0
    assert kept(file(tone(2.0, peak=0.011))).level_dbfs == pytest.approx(-42.2, abs=0.1)
    assert kept(file(np.concatenate([quiet(1.4), tone(1.0), quiet(1.4)]))).seconds == 3.8
    words = np.concatenate([np.concatenate([tone(0.35), quiet(0.15)]) for _ in range(2)])
    assert kept(file(np.concatenate([words, tone(0.2)]))).seconds == 1.2  # short pauses are part of the speech


@pytest.mark.parametrize(
    "kind",
    [
        *("wav", "m4a"),
        *in_test_long("mp3", "ogg opus", "wav float", "flac", "m4a lossless", "ogg vorbis"),
    ],
)
def test_an_accident_to_a_file_makes_it_a_recording_or_a_refusal_and_nothing_else(kind: str) -> None:
    child = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.support.programs.read_mutated", kind, "300"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )

    assert (child.returncode, child.stderr) == (0, "")
    taken, refused = map(int, child.stdout.split())
    assert taken + refused == 300
    assert refused > 30
