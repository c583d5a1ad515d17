"""Where two stretches of audio meet."""

from array import array
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.audio.effects.seams import Ending, Seam

LEFT = 100

#: Of one stretch: silent samples before, sounding samples, silent samples after.
STRETCHES = st.tuples(st.integers(0, 400), st.integers(1, 50), st.integers(0, 400))


def sounds(before: int, loud: int, behind: int) -> bytes:
    """Quiet samples are not zero, so that it is seen which were added."""
    return array("h", [3] * before + [900] * loud + [-3] * behind).tobytes()


def through(seam: Seam, pcm: bytes, *, piece: int = 1_000) -> bytes:
    pieces = [pcm[at : at + 2 * piece] for at in range(0, len(pcm), 2 * piece)]
    return b"".join(map(seam.push, pieces)) + seam.finish()


def joined(*stretches: tuple[tuple[int, int, int], int]) -> list[bytes]:
    """Stretches, each with the pause after it, joined one after the other."""
    found: list[bytes] = []
    before = Ending()
    for stretch, pause in stretches:
        seam = Seam(before, pause=pause, left=LEFT)
        found.append(through(seam, sounds(*stretch)))
        before = seam.ending
    return found


def between(one: bytes, other: bytes) -> int:
    """How many samples there are between the last sound of one and the first of the other."""
    samples = array("h", one + other)
    heard = [place for place, sample in enumerate(samples) if sample == 900]
    return max(after - before for before, after in pairwise(heard)) - 1


@given(STRETCHES, STRETCHES, st.integers(0, 1_000))
def test_a_pause_is_as_long_as_it_should_be_unless_the_stretches_bring_more(
    one: tuple[int, int, int], other: tuple[int, int, int], pause: int
) -> None:
    first, second = joined((one, pause), (other, 0))

    at_once = max(pause - LEFT, one[2])  # before it is known what the second brings
    assert between(first, second) == max(pause, at_once + other[0])


@given(STRETCHES, STRETCHES, st.integers(0, 1_000))
def test_no_sample_of_a_stretch_is_changed_or_lost(
    one: tuple[int, int, int], other: tuple[int, int, int], pause: int
) -> None:
    first, second = joined((one, pause), (other, 0))

    assert first.startswith(sounds(*one))
    assert second.endswith(sounds(*other))
    assert not any(first[len(sounds(*one)) :])
    assert not any(second[: -len(sounds(*other))])


def test_most_of_a_pause_is_there_at_once_and_the_rest_is_left_to_what_follows() -> None:
    first, second = joined(((0, 5, 20), 650), ((30, 5, 0), 0))

    assert len(first) // 2 == 5 + 20 + (650 - LEFT - 20)
    assert len(second) // 2 == (LEFT - 30) + 30 + 5


def test_before_the_first_and_after_the_last_nothing_is_added() -> None:
    first, last = joined(((30, 5, 40), 650), ((0, 5, 40), 0))

    assert first.startswith(sounds(30, 5, 40))
    assert last.endswith(sounds(0, 5, 40))
    assert joined(((30, 5, 40), 0)) == [sounds(30, 5, 40)]


@given(
    STRETCHES,
    st.lists(st.integers(1, 300), min_size=1, max_size=6),
    st.integers(0, 500),
    st.integers(0, 500),
    st.data(),
)
def test_it_does_not_matter_in_which_pieces_a_stretch_comes(
    stretch: tuple[int, int, int], cuts: list[int], missing: int, pause: int, data: st.DataObject
) -> None:
    before, pcm = Ending(silence=0, pause=missing), sounds(*stretch)
    whole, pieces = (Seam(before, pause=pause, left=LEFT) for _ in range(2))
    at, found = 0, b""
    while at < len(pcm):
        size = 2 * data.draw(st.sampled_from(cuts))
        found += pieces.push(pcm[at : at + size])
        at += size

    assert found + pieces.finish() == whole.push(pcm) + whole.finish()
    assert pieces.ending == whole.ending


def test_the_first_stretch_is_not_held_back() -> None:
    seam = Seam(Ending(), pause=650, left=LEFT)

    assert seam.push(sounds(40, 0, 0)) == sounds(40, 0, 0)


def test_a_beginning_is_held_back_until_it_can_be_heard() -> None:
    seam = Seam(Ending(silence=550, pause=650), pause=0, left=LEFT)

    assert seam.push(sounds(40, 0, 0)) == b""
    assert seam.push(sounds(20, 5, 0)) == bytes(2 * 40) + sounds(60, 5, 0)
    assert seam.push(sounds(7, 5, 0)) == sounds(7, 5, 0)


def test_a_beginning_that_is_silent_for_longer_than_is_missing_is_held_back_no_longer() -> None:
    seam = Seam(Ending(silence=550, pause=650), pause=0, left=LEFT)

    assert seam.push(sounds(99, 0, 0)) == b""
    assert seam.push(sounds(2, 0, 0)) == sounds(101, 0, 0)
    assert seam.push(sounds(500, 5, 0)) == sounds(500, 5, 0)


@pytest.mark.parametrize("quiet", [0, 30, 300])
def test_a_stretch_that_cannot_be_heard_counts_as_a_part_of_the_pause(quiet: int) -> None:
    first, silent, last = joined(((0, 5, 0), 320), ((quiet, 0, 0), 650), ((0, 5, 0), 0))

    assert silent == sounds(quiet, 0, 0)
    assert between(first + silent, last) == 650


def test_the_stronger_pause_holds_on_both_sides_of_what_cannot_be_heard() -> None:
    first, silent, last = joined(((0, 5, 0), 650), ((0, 0, 0), 320), ((0, 5, 0), 0))

    assert silent == b""
    assert between(first, last) == 650


def test_before_anything_was_heard_there_is_no_pause() -> None:
    silent, first = joined(((30, 0, 0), 650), ((0, 5, 0), 0))

    assert (silent, first) == (sounds(30, 0, 0), sounds(0, 5, 0))


def test_how_it_ends_is_all_that_is_needed_to_go_on() -> None:
    seam = Seam(Ending(), pause=650, left=LEFT)
    through(seam, sounds(10, 5, 20))

    assert seam.ending == Ending(silence=550, pause=650)
    loud = Seam(Ending(), pause=0, left=LEFT)
    through(loud, sounds(10, 5, 20))
    assert loud.ending == Ending(silence=20, pause=0)
