"""How long there is something to be heard."""

from array import array

import pytest

from app import SAMPLE_RATE
from app.scheduler.audible_span import AudibleSpan


def heard(*pieces: list[int]) -> int:
    """In samples."""
    sound = AudibleSpan()
    for piece in pieces:
        sound.add(array("h", piece).tobytes())
    return round(sound.seconds * SAMPLE_RATE)


@pytest.mark.parametrize(
    ("samples", "loud"),
    [([0, 0], 0), ([255, -256], 0), ([256, 0], 1), ([-257, 0], 1), ([32767, -32768], 2), ([], 0)],
)
def test_a_sample_counts_as_sound_from_256_on(samples: list[int], loud: int) -> None:
    assert heard(samples) == loud


def test_silence_counts_between_sounds_and_not_around_them() -> None:
    assert heard([0, 0, 0, 900, 0, 0, -900, 0, 0]) == 4


def test_it_does_not_matter_in_which_pieces_the_sound_comes() -> None:
    samples = [0, 0, 900, 0, 0, 0, 700, -800, 0, 3]

    assert {heard(samples[:cut], samples[cut:]) for cut in range(len(samples) + 1)} == {6}
    assert heard(*([sample] for sample in samples)) == 6
