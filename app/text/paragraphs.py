"""Cuts a text into paragraphs: what is spoken as a unit, with a longer pause after it.

Blank lines, form feeds and U+2029 part paragraphs; a heading, a rule and each item of a list is one of its own.
It reads plain text and the parts of Markdown that people type into plain text. It knows nothing of
sentences, and of lengths only that a heading is short.
"""

import re
from collections.abc import Iterator
from enum import Enum, auto
from typing import NamedTuple

import msgspec

from app.text.graphemes import visible_from

HEADING_CHARS = 80  #: a longer line that stands alone is a paragraph

#: `# Title`; the hashes alone are not a heading.
_HASHES = re.compile(r"[ \t]{0,3}#{1,6}[ \t]+\S")
#: `===` under a title, or the `---` and `***` between two scenes.
_RULE = re.compile(r"\s*+(?:={2,}+|--|(?:[-*_][ \t]*+){3,}+)\s*+\Z")
_UNDERLINE = re.compile(r"\s*+(?:=++|-++)\s*+\Z")
_BULLET = re.compile(r"\s*(?:[-*+]\s+|[•‣◦▪]\s*)\S")
_NUMBER = re.compile(r"\s*(\d{1,9})[.)]\s+\S")

_SENTENCE_END = ".!?…:;,。！？：；，、؟؛،۔।॥։።—–"
_CLOSING = "\"'”’»›)]}」』）】》"


class ParagraphKind(Enum):
    """What a paragraph looks like."""

    TEXT = auto()
    HEADING = auto()
    ITEM = auto()
    RULE = auto()


class Paragraph(msgspec.Struct, frozen=True):
    """A range of code points, half open. It starts with its first visible character.

    The white space after it belongs to it, so that paragraphs lie end to end.
    """

    start: int
    end: int
    kind: ParagraphKind


class _Block(NamedTuple):
    start: int
    kind: ParagraphKind
    lonely: bool  # one short line with nothing directly above or below it: a heading, if text follows


def paragraphs(text: str) -> Iterator[Paragraph]:
    """The paragraphs of a text in order. A text of white space alone has none."""
    held: _Block | None = None
    for block in _blocks(text):
        if held is not None:
            yield Paragraph(held.start, block.start, ParagraphKind.HEADING if held.lonely else held.kind)
        held = block
    if held is not None:
        yield Paragraph(held.start, len(text), held.kind)


def _blocks(text: str) -> Iterator[_Block]:
    start, lines, kind, first = (
        0,
        0,
        ParagraphKind.TEXT,
        "",
    )  # the block that is being read; none while `lines` is 0
    apart = True  # whether nothing stands directly above it
    at = 0
    for line in text.splitlines(keepends=True):
        line_start, at = at, at + len(line)
        if line.strip():
            begun = _begins(line, lines, kind)
            if begun is ParagraphKind.RULE and lines:
                # Under one line of text it makes that line a title; elsewhere it ends what is above it.
                titled = lines == 1 and kind is ParagraphKind.TEXT and _UNDERLINE.match(line)
                yield _Block(start, ParagraphKind.HEADING if titled else kind, lonely=False)
                lines, apart = 0, False
                continue
            if begun is not None and lines:
                yield _Block(start, kind, lonely=False)
                lines, apart = 0, False
            if lines == 0:
                start, kind, first = visible_from(text, line_start), begun or ParagraphKind.TEXT, line
            lines += 1
            if kind is ParagraphKind.HEADING or kind is ParagraphKind.RULE:
                yield _Block(start, kind, lonely=False)
                lines, apart = 0, False
        if not line.strip() or line[-1] in "\f\u2029":
            if lines:
                yield _Block(start, kind, lonely=apart and lines == 1 and _is_short(first, kind))
            lines, apart = 0, True
    if lines:
        yield _Block(start, kind, lonely=False)


def _begins(line: str, lines: int, kind: ParagraphKind) -> ParagraphKind | None:
    """What kind of block this line begins, or None if it can as well be the next line of the one above."""
    if _HASHES.match(line):
        return ParagraphKind.HEADING
    if _RULE.match(line):
        return ParagraphKind.RULE
    if _BULLET.match(line):
        return ParagraphKind.ITEM
    number = _NUMBER.match(line)
    # In the midst of a wrapped paragraph "1984. Then" is a year; a list there begins with 1.
    if number and (lines == 0 or kind is ParagraphKind.ITEM or int(number[1]) == 1):
        return ParagraphKind.ITEM
    return None


def _is_short(line: str, kind: ParagraphKind) -> bool:
    """Whether a line that stands alone reads as a heading: short, with words, and no end of a sentence."""
    title = line.strip()
    return (
        kind is ParagraphKind.TEXT
        and len(title) <= HEADING_CHARS
        and any(char.isalpha() for char in title)
        and not title.rstrip(_CLOSING).endswith(tuple(_SENTENCE_END))
    )
