"""Seeds, and which takes are acceptable."""

import itertools
from array import array

import pytest

from app.inference.model import FinishReason
from app.scheduler.attempts import chunk_seed, most_seconds, objection, parts, sound_bytes


def test_a_seed_is_the_same_in_every_engine_that_will_ever_be() -> None:
    """These numbers are part of the format: another one, and a restart would sound different."""
    assert [chunk_seed(*numbers) for numbers in ((0, 0, 0), (1, 2, 3), (2**53 - 1, 10_000, 2))] == [
        6285354833135585,
        1491535104594699,
        2492751471320717,
    ]


def test_the_second_half_of_a_chunk_has_a_seed_of_its_own() -> None:
    assert chunk_seed(1, 2, 3, 0) == chunk_seed(1, 2, 3) == 1491535104594699
    assert chunk_seed(1, 2, 3, 1) == 7286539219851283


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


def test_what_the_model_says_of_an_error_is_what_is_objected() -> None:
    assert objection("Words.", 100, FinishReason.ERROR, "no memory") == "no memory"


@pytest.mark.parametrize(
    ("spoken", "halves"),
    [
        ("One thing, and another. Then a third.", ["One thing, and another.", "Then a third."]),
        ("one two three four five six", ["one two three", "four five six"]),
        ("今天天气很好我们去公园吧", ["今天天气很好", "我们去公园吧"]),
        ("Incomprehensibilities", ["Incomprehensibilities"]),
        ("Hi", ["Hi"]),
        ("", [""]),
    ],
)
def test_a_chunk_is_spoken_whole_twice_and_then_in_halves(spoken: str, halves: list[str]) -> None:
    assert [parts(spoken, attempt) for attempt in range(6)] == [[spoken], [spoken], halves] * 2


@pytest.mark.parametrize(
    ("samples", "loud"),
    [([0, 0], 0), ([255, -256], 0), ([256, 0], 1), ([-257, 0], 1), ([32767, -32768], 2), ([], 0)],
)
def test_a_sample_counts_as_sound_from_256_on(samples: list[int], loud: int) -> None:
    assert sound_bytes(array("h", samples).tobytes()) == loud


def test_the_longest_take_depends_on_the_text_or_on_what_the_caller_says() -> None:
    assert 8 < most_seconds("Hi.", None) < 10
    assert 60 < most_seconds("A sentence of some length. " * 12, None) < 120
    assert most_seconds("Hi.", 3.0) == 3.0
