"""Text that comes bit by bit is cut as it would be if it came at once."""

import tracemalloc
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.text.chunking import Boundary, Chunk, chunk_text
from app.text.incremental import IncrementalCutter
from tests.text.fragments import LANGUAGES, LIMITS, TEXTS, letters, pieces

CUTS = st.lists(st.floats(0, 1), max_size=12)


def cut(parts: Sequence[str], *, max_chars: int = 400, language: str = "") -> list[Chunk]:
    """The chunks of a text that comes in these parts."""
    cutter = IncrementalCutter(max_chars=max_chars, language=language)
    chunks = [chunk for part in parts for chunk in cutter.append(part)]
    return chunks + cutter.finish()


def parted(text: str, places: Sequence[float]) -> list[str]:
    """The text in parts, cut at these places between 0 and 1."""
    ends = sorted({0, *(round(place * len(text)) for place in places), len(text)})
    return [text[start:end] for start, end in pairwise(ends)]


def spoken_while_it_came(text: str) -> list[tuple[str, str]]:
    """The chunks of a text that comes letter by letter, each with what of the text had come after it by then."""
    cutter, seen = IncrementalCutter(), list[tuple[str, str]]()
    for at, char in enumerate(text, 1):
        seen += [
            (text[chunk.start_char : chunk.end_char], text[chunk.end_char : at]) for chunk in cutter.append(char)
        ]
    return seen


@given(TEXTS, CUTS, LIMITS, LANGUAGES)
@example("One.\r\nTwo.\r", [0.5, 0.55, 0.6], 100, "")
@example("A title\n---\n- Yes. No.\n", [0.3, 0.6], 100, "")
def test_it_does_not_matter_how_a_text_is_divided(
    text: str, places: list[float], max_chars: int, language: str
) -> None:
    at_once = cut([text], max_chars=max_chars, language=language)

    assert cut(parted(text, places), max_chars=max_chars, language=language) == at_once


@given(TEXTS, LIMITS, LANGUAGES)
def test_a_text_that_comes_letter_by_letter_is_cut_as_if_it_came_at_once(
    text: str, max_chars: int, language: str
) -> None:
    text = text[:700]

    assert cut(list(text), max_chars=max_chars, language=language) == cut(
        [text], max_chars=max_chars, language=language
    )


@given(TEXTS, CUTS, LIMITS, LANGUAGES)
def test_every_character_is_in_one_chunk(text: str, places: list[float], max_chars: int, language: str) -> None:
    chunks = cut(parted(text, places), max_chars=max_chars, language=language)

    assert "".join(pieces(text, chunks)) == text
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    assert [chunk.start_char for chunk in chunks] == [0, *(chunk.end_char for chunk in chunks)][: len(chunks)]
    assert all(chunk.start_char < chunk.end_char for chunk in chunks)
    assert all(len(piece.strip()) <= max_chars for piece in pieces(text, chunks))


@given(TEXTS, CUTS, LIMITS)
def test_flushes_anywhere_lose_nothing(text: str, places: list[float], max_chars: int) -> None:
    cutter, chunks = IncrementalCutter(max_chars=max_chars), list[Chunk]()
    for part in parted(text, places):
        chunks += cutter.append(part) + cutter.flush()
        assert not text[chunks[-1].end_char if chunks else 0 : cutter.length].strip()
    chunks += cutter.finish()

    assert "".join(pieces(text, chunks)) == text
    assert letters("".join(pieces(text, chunks))) == letters(text)


PROSE = (
    "The harbour was quiet that morning, and nobody had opened the gate. “Are you certain?” she asked twice. "
    "Nobody was; but Dr. Hale had written it down in the log on the 3. of May. They waited for the tide.\n\n"
    "Nobody came until the evening of the second day. Then there were lights (four of them, said Ann. Or five) at "
    "the far end of the mole.\n\nWhat was taken\n\n- a lamp that had belonged to somebody else\n"
    "- the book, with all of its pages\n\nThe rest was left where it had always been, on the shelf.\n"
)


def test_prose_is_cut_where_the_whole_text_would_be_cut() -> None:
    whole = chunk_text(PROSE, max_chars=100)

    live = cut(parted(PROSE, [0.1, 0.2, 0.5, 0.51, 0.8]), max_chars=100)

    ends = {chunk.end_char: chunk.boundary for chunk in live}
    assert {end: ends.get(end) for end in (chunk.end_char for chunk in whole)} == {
        chunk.end_char: chunk.boundary for chunk in whole
    }


def test_a_sentence_is_certain_once_the_next_word_is_there() -> None:
    seen = spoken_while_it_came(
        "It was late in the year. Nobody came that day, or later. Two men stood there all day. On"
    )

    assert seen == [
        ("It was late in the year. ", "Nobody "),
        ("Nobody came that day, or later. ", "Two men stood t"),
    ]


def test_the_first_sentence_is_spoken_at_once_however_short_it_is() -> None:
    assert spoken_while_it_came("Sure! Here it is, with all of its parts")[0] == ("Sure! ", "Here ")


def test_a_later_sentence_that_is_tiny_goes_with_its_neighbour() -> None:
    text = "It begins with this one. And then comes another, which is long. Yes. It ends like this, in short."

    assert pieces(text, cut([text])) == [
        "It begins with this one. ",
        "And then comes another, which is long. Yes. ",
        "It ends like this, in short.",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "They paid Dr. Smith",
        "That costs 3.",
        "That costs 3.5 dollars",
        "They said “No. Never again. And",
        "(Yes. No. And so",
    ],
)
def test_what_is_not_certain_is_not_cut(text: str) -> None:
    assert spoken_while_it_came(text) == []


def test_an_item_of_a_list_is_spoken_as_soon_as_the_next_one_begins() -> None:
    assert spoken_while_it_came("- milk and bread\n- eggs, a dozen of them\n\nThat is") == [
        ("- milk and bread\n", "- e"),
        ("- eggs, a dozen of them\n\n", "T"),
    ]


def test_a_text_without_any_end_of_a_sentence_is_cut_all_the_same() -> None:
    cutter = IncrementalCutter(max_chars=100)

    chunks = cutter.append("and then some more words " * 40)

    assert chunks[-1].end_char > 700
    assert {chunk.boundary for chunk in chunks} == {Boundary.WORD}


def test_a_flush_speaks_what_there_is_and_what_follows_keeps_its_place() -> None:
    cutter = IncrementalCutter()

    first, then = cutter.append("Let me look it") + cutter.flush(), cutter.append(" up. Here it") + cutter.finish()

    assert [(chunk.start_char, chunk.end_char, chunk.boundary) for chunk in first + then] == [
        (0, 14, Boundary.SENTENCE),
        (14, 26, Boundary.PARAGRAPH),
    ]


def test_a_flush_of_nothing_gives_nothing() -> None:
    cutter = IncrementalCutter()

    assert cutter.flush() == cutter.append("  ") == cutter.flush() == []
    assert [chunk.start_char for chunk in cutter.finish()] == [0]


def test_a_long_text_does_not_stay_in_memory() -> None:
    cutter, sentence = IncrementalCutter(), "This sentence comes again and again, without any line end. "
    cutter.append(sentence)
    tracemalloc.start()
    try:
        for _ in range(2_000):
            cutter.append(sentence)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert cutter.length == 2_001 * len(sentence)
    assert kept < 60_000
