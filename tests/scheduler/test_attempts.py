"""Seeds, and which takes are acceptable."""

import itertools

import pytest

from app.inference.model import FinishReason
from app.scheduler.attempts import Part, chunk_seed, max_take_seconds, min_take_seconds, parts, rejection_reason
from app.text.chunking import Boundary


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
    ("spoken", "heard_s", "reason", "objects"),
    [
        ("Words.", 0.3, FinishReason.STOP, False),
        ("Words.", 0, FinishReason.STOP, True),
        ("Words.", 0.3, FinishReason.LENGTH, True),
        ("7", 0, FinishReason.STOP, True),
        ("語", 0, FinishReason.STOP, True),
        ("…!?", 0, FinishReason.STOP, False),
        ("", 0, FinishReason.STOP, False),
    ],
)
def test_a_take_that_has_no_audio_or_no_end_is_objected_to(
    spoken: str, heard_s: float, reason: FinishReason, objects: bool
) -> None:
    assert (rejection_reason(spoken, heard_s, reason) is not None) == objects


def test_what_the_model_says_of_an_error_is_what_is_objected() -> None:
    assert rejection_reason("Words.", 0.3, FinishReason.ERROR, "no memory") == "no memory"


@pytest.mark.parametrize(
    ("spoken", "halves", "between"),
    [
        (
            "One thing, and another. Then a third.",
            ["One thing, and another.", "Then a third."],
            Boundary.SENTENCE,
        ),
        (
            "One of the things, and one of another kind.",
            ["One of the things,", "and one of another kind."],
            Boundary.CLAUSE,
        ),
        ("one two three four five six", ["one two three", "four five six"], Boundary.WORD),
        ("今天天气很好我们去公园吧", ["今天天气很好", "我们去公园吧"], Boundary.WORD),
        ("Incomprehensibilities", ["Incomprehensibilities"], None),
        ("Hi", ["Hi"], None),
        ("", [""], None),
    ],
)
def test_a_chunk_is_spoken_whole_twice_and_then_in_halves(
    spoken: str, halves: list[str], between: Boundary | None
) -> None:
    *first, last = halves
    cut = [*(Part(half, between) for half in first), Part(last)]

    assert [parts(spoken, attempt) for attempt in range(6)] == [[Part(spoken)], [Part(spoken)], cut] * 2


def test_the_longest_take_depends_on_the_text_or_on_what_the_caller_says() -> None:
    assert 8 < max_take_seconds("Hi.", None) < 10
    assert 60 < max_take_seconds("A sentence of some length. " * 12, None) < 120
    assert max_take_seconds("Hi.", 3.0) == 3.0


SENTENCE = "It was late. The lamp was lit, and nobody spoke of the old story."


@pytest.mark.parametrize("rate", [0.5, 1.0, 2.0])
def test_a_take_that_leaves_out_most_of_its_text_is_objected_to_at_every_rate_of_the_model(rate: float) -> None:
    all_of_it, three_words = 4.0 / rate, 0.6 / rate

    assert rejection_reason(SENTENCE, all_of_it, FinishReason.STOP, rate=rate) is None
    assert "too little for the text" in (
        rejection_reason(SENTENCE, three_words, FinishReason.STOP, rate=rate) or ""
    )


def test_nobody_who_can_be_understood_is_too_fast() -> None:
    words = "nobody spoke about the story of the lighthouse keeper and his daughter " * 10  # english: ok

    assert 60 * len(words.split()) / min_take_seconds(words) == pytest.approx(800, rel=0.1)  # words a minute


@pytest.mark.parametrize("spoken", ["Hm.", "Yes, of course.", "7", "1984", "1,000,000", "はい。", "你好。", ""])
def test_a_few_words_may_be_as_short_as_they_like(spoken: str) -> None:
    assert min_take_seconds(spoken) == 0
    assert rejection_reason(spoken, 0.05, FinishReason.STOP) is None


@pytest.mark.parametrize(
    ("spoken", "plain"),
    [
        (SENTENCE + "." * 60 + " — " + "!?" * 30, SENTENCE),
        (SENTENCE + "\U0001f389" * 40 + " $%&/()=+" * 20, SENTENCE),
        (SENTENCE + " 3.14159265" + ",000" * 20, SENTENCE),
        (SENTENCE + " N" + "o" * 80 + "!", SENTENCE + " No"),
        (
            "\uff37\uff49\uff44\uff45 letters, \U0001d41b\U0001d428\U0001d425\U0001d41d ones",
            "Wide letters, bold ones",
        ),
    ],
    ids=["punctuation", "symbols", "numbers", "a drawn-out letter", "other forms of letters"],
)
def test_what_may_be_said_in_no_time_asks_for_no_more_sound(spoken: str, plain: str) -> None:
    assert min_take_seconds(spoken) == min_take_seconds(plain) > 0
