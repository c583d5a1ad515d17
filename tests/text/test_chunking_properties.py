"""What holds of the chunks of any text whatever."""

import re

from hypothesis import example, given

from app.text.chunking import Boundary, chunk_text
from app.text.graphemes import joined
from app.text.spoken import spoken_text
from tests.text.fragments import LANGUAGES, LIMITS, TEXTS, letters, pieces

#: What parts paragraphs, wherever it stands.
LINE_END = r"(?:\r\n|[\n\r\v\x1c-\x1e\x85\u2028])"
BREAK = re.compile(rf"[\f\u2029]|{LINE_END}[ \t\xa0\u3000]*(?!(?<=\r)\n){LINE_END}")
ITEM = re.compile(rf"{LINE_END}[ \t]*(?:[-*][ \t]+[^-*_\s]|•[ \t]*\S)")
HEADING = re.compile(rf"{LINE_END}#{{1,6}} +\S")


def cluster_around(text: str, at: int) -> int:
    """The length of the character that a cut at `at` goes through, in code points."""
    start, end = at, at + 1
    while joined(text, start):
        start -= 1
    while joined(text, end):
        end += 1
    return end - start


@given(TEXTS, LIMITS, LANGUAGES)
def test_chunks_lie_end_to_end_and_cover_the_text(text: str, max_chars: int, language: str) -> None:
    chunks = chunk_text(text, max_chars=max_chars, language=language)

    assert "".join(pieces(text, chunks)) == text
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    assert [chunk.start_char for chunk in chunks] == [0, *(chunk.end_char for chunk in chunks)][: len(chunks)]
    assert all(chunk.start_char < chunk.end_char for chunk in chunks)


@given(TEXTS, LIMITS, LANGUAGES)
def test_no_chunk_is_longer_than_the_limit(text: str, max_chars: int, language: str) -> None:
    chunks = chunk_text(text, max_chars=max_chars, language=language)

    assert all(len(piece.strip()) <= max_chars for piece in pieces(text, chunks))


@given(TEXTS, LIMITS)
@example("a\n\rb", 100)
@example("\r\n\r\na\r\n\r\nb", 100)
def test_no_chunk_crosses_a_paragraph(text: str, max_chars: int) -> None:
    chunks = chunk_text(text, max_chars=max_chars)

    for piece in pieces(text, chunks):
        for mark in (BREAK, ITEM, HEADING):
            assert not mark.search(piece.strip())


@given(TEXTS, LIMITS)
def test_only_a_character_longer_than_the_limit_is_cut_in_two(text: str, max_chars: int) -> None:
    chunks = chunk_text(text, max_chars=max_chars)

    for chunk in chunks[:-1]:
        assert not joined(text, chunk.end_char) or cluster_around(text, chunk.end_char) > max_chars


@given(TEXTS, LIMITS)
def test_white_space_belongs_to_the_chunk_before_it(text: str, max_chars: int) -> None:
    chunks = chunk_text(text, max_chars=max_chars)

    for chunk in chunks[1:]:
        start = chunk.start_char
        assert not text[start].isspace() or joined(text, start + 1)  # a space can carry a mark


@given(TEXTS, LIMITS)
def test_the_text_ends_with_the_end_of_a_paragraph(text: str, max_chars: int) -> None:
    chunks = chunk_text(text, max_chars=max_chars)

    assert all(chunk.boundary in (Boundary.PARAGRAPH, Boundary.HEADING) for chunk in chunks[-1:])


@given(TEXTS, LIMITS, LANGUAGES)
def test_the_same_text_gives_the_same_chunks(text: str, max_chars: int, language: str) -> None:
    first = chunk_text(text, max_chars=max_chars, language=language)

    assert chunk_text(text, max_chars=max_chars, language=language) == first


@given(TEXTS, LIMITS)
def test_every_letter_of_the_text_is_spoken(text: str, max_chars: int) -> None:
    chunks = chunk_text(text, max_chars=max_chars)

    spoken = "".join(spoken_text(piece) for piece in pieces(text, chunks))
    assert letters(spoken) == letters(text)
