"""Small operations on 16-bit samples, as bytes."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.audio.pcm import SAMPLE_RATE, fade_out, sample_count, silence, silent_end, silent_start


def pcm(*samples: int) -> bytes:
    return struct.pack(f"<{len(samples)}h", *samples)


def samples(audio: bytes) -> list[int]:
    return list(struct.unpack(f"<{len(audio) // 2}h", audio))


def test_the_engine_speaks_at_24_kilohertz() -> None:
    assert SAMPLE_RATE == 24_000


def test_two_bytes_are_one_sample() -> None:
    assert sample_count(b"") == 0
    assert sample_count(pcm(1, 2, 3)) == 3


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="not 3"):
        sample_count(b"abc")


def test_silence_is_zeros_and_none_of_it_for_a_negative_count() -> None:
    assert samples(silence(3)) == [0, 0, 0]
    assert silence(-1) == b""


@pytest.mark.parametrize(
    ("values", "before", "behind"),
    [([], 0, 0), ([0, 255, -256], 3, 3), ([256], 0, 0), ([-257], 0, 0), ([5, 900, 0, 0, -900, 7, -7], 1, 2)],
)
def test_a_sample_can_be_heard_from_256_on(values: list[int], before: int, behind: int) -> None:
    assert (silent_start(pcm(*values)), silent_end(pcm(*values))) == (before, behind)


def test_a_fade_goes_to_zero_on_a_line_and_leaves_the_rest_alone() -> None:
    audio = pcm(1000, -1000, 1000, -1000, 1000, -1000)

    faded = fade_out(audio, 4)

    assert samples(faded) == [1000, -1000, 1000, -750, 500, -250]


def test_audio_shorter_than_the_fade_fades_as_a_whole() -> None:
    faded = fade_out(pcm(100, 100), 10)

    assert samples(faded) == [100, 50]


@given(st.lists(st.integers(-32768, 32767), max_size=50), st.integers(0, 60))
def test_a_fade_keeps_the_length_and_makes_nothing_louder(values: list[int], length: int) -> None:
    faded = samples(fade_out(pcm(*values), length))

    assert len(faded) == len(values)
    assert all(abs(after) <= abs(before) for before, after in zip(values, faded, strict=True))
