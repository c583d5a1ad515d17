"""Seeds, and which takes are acceptable."""

import itertools

import pytest

from app.inference.model import FinishReason
from app.scheduler.attempts import chunk_seed, objection


def test_a_seed_is_the_same_in_every_engine_that_will_ever_be() -> None:
    """These numbers are part of the format: another one, and a restart would sound different."""
    assert [chunk_seed(*numbers) for numbers in ((0, 0, 0), (1, 2, 3), (2**53 - 1, 10_000, 2))] == [
        6285354833135585,
        1491535104594699,
        2492751471320717,
    ]


def test_each_chunk_and_each_attempt_has_a_seed_of_its_own_that_javascript_keeps() -> None:
    seeds = [chunk_seed(*numbers) for numbers in itertools.product((0, 1, 12), (0, 1, 12), (0, 1, 2))]

    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**53 for seed in seeds)


@pytest.mark.parametrize(
    ("spoken", "pcm_bytes", "reason", "objects"),
    [
        ("Words.", 100, FinishReason.STOP, False),
        ("Words.", 0, FinishReason.STOP, True),
        ("Words.", 100, FinishReason.LENGTH, True),
        ("7", 0, FinishReason.STOP, True),
        ("語", 0, FinishReason.STOP, True),
        ("…!?", 0, FinishReason.STOP, False),
        ("", 0, FinishReason.STOP, False),
    ],
)
def test_a_take_that_has_no_audio_or_no_end_is_objected_to(
    spoken: str, pcm_bytes: int, reason: FinishReason, objects: bool
) -> None:
    assert (objection(spoken, pcm_bytes, reason) is not None) == objects
