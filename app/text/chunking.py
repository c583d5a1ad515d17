"""Cuts the text of a job into chunks: what the model speaks in one go.

The chunks lie end to end and cover every code point, so that text and audio can be laid side by side. It
knows nothing of jobs, voices or models; `spoken.py` finds the words that a chunk is spoken as.
"""

import re
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import NamedTuple

import msgspec

from app.text.clauses import clause_cuts
from app.text.paragraphs import Paragraph, ParagraphKind, paragraphs
from app.text.sentences import sentence_starts

MIN_CHARS, MAX_CHARS = 100, 2000  #: the limits of `max_chars`, in code points

TINY_WORDS = 3
TINY_CHARS = 48  # three words can be long ones
#: Where words are not parted by spaces, two characters count as one.
WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]{1,2}|[^\s\u3000-\u9fff\uff00-\uff1f]+")


class Boundary(StrEnum):
    """What ends a chunk, from the weakest to the strongest."""

    WORD = "word"
    CLAUSE = "clause"
    SENTENCE = "sentence"
    ITEM = "item"  #: of a list, before another one
    PARAGRAPH = "paragraph"
    HEADING = "heading"


class Chunk(msgspec.Struct, frozen=True):
    """A stretch of the text, in code points of the text as it was submitted, half open.

    The white space after it belongs to it; the white space before the text belongs to chunk 0.
    """

    index: int
    start_char: int
    end_char: int
    boundary: Boundary


class Unit(NamedTuple):
    """What is kept together: a sentence, tiny ones with their neighbour, or a piece of a long one."""

    start: int
    visible_end: int  #: without the white space after it
    end: int
    boundary: Boundary


def chunk_text(text: str, *, max_chars: int = 400, language: str = "") -> list[Chunk]:
    """Cut a text into chunks of whole sentences, as many as fit.

    A chunk has at most `max_chars` code points (100 to 2000), without the white space around them, and
    never crosses a paragraph. `language` is a BCP 47 tag, or empty.
    """
    if not MIN_CHARS <= max_chars <= MAX_CHARS:
        raise ValueError(f"max_chars must be between {MIN_CHARS} and {MAX_CHARS}, not {max_chars}")

    def fit(unit: Unit, following: Unit) -> bool:
        return following.visible_end - unit.start <= max_chars

    def tiny_follows(unit: Unit, following: Unit) -> bool:
        # What finds no room before it comes first in the next chunk, and so before its other neighbour.
        return fit(unit, following) and is_tiny(text, following)

    chunks: list[Chunk] = []
    start = 0
    for paragraph, last in _ended(paragraphs(text)):
        found = units(text, paragraph.start, paragraph.end, last, max_chars, language)
        for unit in _joined(_joined(found, tiny_follows), fit):
            chunks.append(Chunk(len(chunks), start, unit.end, unit.boundary))
            start = unit.end
    if start < len(text):  # white space alone
        chunks.append(Chunk(0, start, len(text), Boundary.PARAGRAPH))
    return chunks


def _ended(found: Iterator[Paragraph]) -> Iterator[tuple[Paragraph, Boundary]]:
    """Each paragraph with what ends it. The last item of a list is followed by something else: a paragraph ends."""
    held: Paragraph | None = None
    for paragraph in found:
        if held is not None:
            yield held, boundary_after(held.kind, paragraph.kind)
        held = paragraph
    if held is not None:
        yield held, boundary_after(held.kind, None)


def boundary_after(kind: ParagraphKind, following: ParagraphKind | None) -> Boundary:
    """What ends a paragraph of a kind, before one of another or the end of the text."""
    if kind is ParagraphKind.HEADING:
        return Boundary.HEADING
    return Boundary.ITEM if kind is following is ParagraphKind.ITEM else Boundary.PARAGRAPH


def units(text: str, start: int, end: int, last: Boundary, max_chars: int, language: str) -> Iterator[Unit]:
    """The sentences of a paragraph that `last` ends, the long ones in pieces."""
    for sentence in _sentences(text, start, end, language, last):
        yield from pieces(text, sentence, max_chars, language)


def pieces(text: str, sentence: Unit, max_chars: int, language: str) -> Iterator[Unit]:
    """A sentence, if need be in pieces that are short enough."""
    if sentence.visible_end - sentence.start <= max_chars:
        yield sentence
        return
    for part in _sentences(text, sentence.start, sentence.end, language, sentence.boundary, inside_quotes=True):
        start = part.start
        for cut in clause_cuts(text, start, part.visible_end, max_chars):
            visible_end = visible_end_of(text, start, cut.at)
            yield Unit(start, visible_end, cut.at, Boundary.CLAUSE if cut.clause else Boundary.WORD)
            start = cut.at
        yield part._replace(start=start)


def _sentences(
    text: str, start: int, end: int, language: str, last: Boundary, *, inside_quotes: bool = False
) -> Iterator[Unit]:
    for cut in sentence_starts(text, start, end, language=language, inside_quotes=inside_quotes):
        yield Unit(start, visible_end_of(text, start, cut), cut, Boundary.SENTENCE)
        start = cut
    yield Unit(start, visible_end_of(text, start, end), end, last)


def _joined(units: Iterator[Unit], together: Callable[[Unit, Unit], bool]) -> Iterator[Unit]:
    """Join each unit with those after it as long as they go `together`."""
    held: Unit | None = None
    for unit in units:
        if held is None:
            held = unit
        elif together(held, unit):
            held = unit._replace(start=held.start)
        else:
            yield held
            held = unit
    if held is not None:
        yield held


def is_tiny(text: str, unit: Unit) -> bool:
    """Whether it is so short that a model would say it badly on its own."""
    if unit.visible_end - unit.start > TINY_CHARS:
        return False
    return len(WORD.findall(text, unit.start, unit.visible_end)) <= TINY_WORDS


def visible_end_of(text: str, start: int, end: int) -> int:
    """Where a stretch ends without the white space after it."""
    return start + len(text[start:end].rstrip())
