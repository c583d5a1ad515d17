"""How long the pauses of a job are to be."""

import pytest
from msgspec.structs import replace

from app.audio.effects.seams import Ending
from app.inference.espeak_voices import CARD
from app.inference.model import ModelCard
from app.scheduler.pauses import PAUSE_MS, Pauses, pause_factor
from app.scheduler.script import Script
from app.store.rows import ChunkRow
from app.text.chunking import Boundary, chunk_text

PLAIN = ModelCard("any", (), frozenset(), supports_clone=False, streams=True)
MS = 24


def plan_of(text: str) -> list[ChunkRow]:
    return [
        ChunkRow(chunk_index=at, start_char=chunk.start_char, end_char=chunk.end_char, boundary=chunk.boundary)
        for at, chunk in enumerate(chunk_text(text, max_chars=100))
    ]


def pauses_of(text: str, card: ModelCard = PLAIN, rate: float = 1.0) -> list[float]:
    """In milliseconds, after each chunk."""
    plan = plan_of(text)
    pauses = Pauses(Script(text, plan), card, rate=rate)
    found: list[float] = []
    for row in plan:
        seam = pauses.seam(Ending(), row)
        seam.push(b"\0\4")  # it says something
        found.append((seam.ending.pause or 0) / MS)
    return found


TEXT = "# A heading\n\nThe first of these paragraphs.\n\n- milk\n- eggs\n\nThat is all."


def test_a_chunk_has_the_pause_of_what_ends_it_and_the_last_has_none() -> None:
    assert pauses_of(TEXT) == [900, 650, 450, 650, 0]


@pytest.mark.parametrize(("boundary", "pause"), [("word", 0), ("clause", 120), ("sentence", 320)])
def test_inside_a_paragraph_the_pauses_are_shorter(boundary: str, pause: int) -> None:
    joint = {"word": "and then ", "clause": "and then, ", "sentence": "and then. "}[boundary]

    first, *_ = pauses_of(("They went on for a while " * 3 + joint).capitalize() + "They came to the sea " * 4)

    assert first == pause


def test_the_stronger_the_boundary_the_longer_the_pause() -> None:
    assert list(PAUSE_MS) == list(Boundary)
    assert sorted(PAUSE_MS.values()) == list(PAUSE_MS.values())


@pytest.mark.parametrize("rule", ["---", "* * *", "\u200b", "```"])
def test_what_says_nothing_does_not_part_a_pause_in_two(rule: str) -> None:
    assert pauses_of(f"One.\n\n{rule}\n\nTwo.")[0] == 650
    assert pauses_of(f"# One\n\n{rule}\n\nTwo.")[0] == 900
    assert pauses_of(f"- one\n- \n\n{rule}\n\nTwo.")[0] == 650


def test_after_the_last_chunk_that_says_something_there_is_none() -> None:
    assert pauses_of("One.\n\nTwo.\n\n---\n\n***\n\n") == [650, 0, 0, 0]


def test_a_long_stretch_without_words_takes_no_pause_away() -> None:
    assert pauses_of("One.\n\n" + "---\n\n" * 3_000 + "Two.")[0] == 650


@pytest.mark.parametrize("rate", [0.5, 0.8, 1.0, 1.25, 2.0])
def test_whoever_speaks_faster_makes_shorter_pauses(rate: float) -> None:
    assert pauses_of(TEXT, rate=rate) == pytest.approx([pause / rate for pause in (900, 650, 450, 650, 0)], abs=0.1)


@pytest.mark.parametrize(("rate", "factor"), [(0.5, 2.78), (1.0, 1.0), (1.625, 0.3485), (2.0, 0.13), (2.8, 0.13)])
def test_between_sentences_the_pauses_are_as_the_model_makes_them_inside_a_chunk(
    rate: float, factor: float
) -> None:
    text = "They went on for a while. " * 8

    assert pause_factor(CARD, rate) == pytest.approx(factor)
    assert pauses_of(text, CARD, rate)[0] == pytest.approx(320 * factor, abs=0.1)
    assert pauses_of(text, PLAIN, rate)[0] == pytest.approx(320 / rate, abs=0.1)
    assert pauses_of(TEXT, CARD, rate) == pytest.approx(pauses_of(TEXT, PLAIN, rate))


@pytest.mark.parametrize("rate", [0.5, 1.0, 2.0])
def test_what_is_left_of_a_pause_to_the_next_take_is_shorter_where_it_is_spoken_faster(rate: float) -> None:
    plan = plan_of(TEXT)
    seam = Pauses(Script(TEXT, plan), PLAIN, rate=rate).seam(Ending(), plan[1])

    seam.push(b"\x00\x40" * 100)
    seam.finish()

    silence, pause = seam.ending
    assert pause is not None
    assert (pause - silence) / MS == pytest.approx(250 / rate, abs=0.1)


def test_a_run_goes_on_with_what_the_row_before_says() -> None:
    plan = plan_of(TEXT)
    plan[1] = replace(plan[1], silence=400 * MS, pause=650 * MS)
    pauses = Pauses(Script(TEXT, plan), PLAIN, rate=1.0)

    assert pauses.ending(0) == Ending(0, None)
    assert pauses.ending(2) == Ending(400 * MS, 650 * MS)
    assert pauses.ending(3) == Ending(0, 450 * MS), "a row of before there were pauses"
