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

#: What the lines above can begin with; the beginning of a rule; and enough to tell the others from text.
_MARKS = frozenset("#=-*_+•‣◦▪")
_RULE_SO_FAR = re.compile(r"[-=*_\s]*+\Z")
_SECOND_WORD = re.compile(r"\S+\s+\S")

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


class Block(NamedTuple):
    """A paragraph whose lines are known, and not yet what follows it."""

    start: int
    kind: ParagraphKind
    lonely: bool  #: one short line with nothing directly above or below it: a heading, if text follows

    @property
    def kind_before_text(self) -> ParagraphKind:
        """What it is when text follows."""
        return ParagraphKind.HEADING if self.lonely else self.kind


def paragraphs(text: str) -> Iterator[Paragraph]:
    """The paragraphs of a text in order. A text of white space alone has none."""
    held: Block | None = None
    for block in _blocks(text):
        if held is not None:
            yield Paragraph(held.start, block.start, held.kind_before_text)
        held = block
    if held is not None:
        yield Paragraph(held.start, len(text), held.kind)


def _blocks(text: str) -> Iterator[Block]:
    reader, at = BlockReader(), 0
    for line in text.splitlines(keepends=True):
        blank = not line.strip()
        for block in (None if blank else reader.begin(line, at), reader.end(line, blank=blank)):
            if block is not None:
                yield block
        at += len(line)
    if (block := reader.close()) is not None:
        yield block


class BlockReader:
    """Takes a text in line by line. `begin` is for lines that are not blank, and may be called as soon as
    `begin_is_certain`; `end` is for all, once the line is whole. Both give the block that they end, if they do.
    """

    def __init__(self, *, apart: bool = True) -> None:
        self.start, self.kind = 0, ParagraphKind.TEXT  #: of the block that is being read
        self.starting = False  #: the line that was begun last is the first of its block
        self._lines, self._first = 0, ""
        self._apart = apart  # whether nothing stands directly above it
        self._ruled = False  # the line is a rule, and belongs to the block above it

    def begin(self, line: str, at: int) -> Block | None:
        """The beginning of a line, which stands at `at`; or all of it."""
        begun = _begins(line, self._lines, self.kind)
        self._ruled = self.starting = False
        if begun is ParagraphKind.RULE and self._lines:
            # Under one line of text it makes that line a title; elsewhere it ends what is above it.
            titled = self._lines == 1 and self.kind is ParagraphKind.TEXT and _UNDERLINE.match(line)
            self._ruled = True
            return self._end(ParagraphKind.HEADING if titled else self.kind)
        ended = self._end(self.kind) if begun is not None and self._lines else None
        if self._lines == 0:
            self.start, self.kind = at + visible_from(line, 0), begun or ParagraphKind.TEXT
            self.starting = True
        return ended

    def end(self, line: str, *, blank: bool) -> Block | None:
        """A whole line, with its line end; it was begun if it is not `blank`."""
        if not blank and self._ruled:
            return None
        if not blank:
            if self._lines == 0:
                self._first = line
            self._lines += 1
            if self.kind is ParagraphKind.HEADING or self.kind is ParagraphKind.RULE:
                ended = self._end(self.kind)
                self._apart = line[-1] in "\f\u2029"
                return ended
        if not blank and line[-1] not in "\f\u2029":
            return None
        lonely = self._apart and self._lines == 1 and _is_short(self._first, self.kind)
        ended = self._end(self.kind, lonely=lonely) if self._lines else None
        self._apart = True
        return ended

    def close(self) -> Block | None:
        """No more lines: the block that is being read, if there is one."""
        return self._end(self.kind) if self._lines else None

    def _end(self, kind: ParagraphKind, *, lonely: bool = False) -> Block:
        self._lines, self._apart = 0, False
        return Block(self.start, kind, lonely)


def begin_is_certain(line: str) -> bool:
    """Whether the beginning of a line, which is not blank, tells what kind of block the line may begin."""
    said = line.lstrip()
    if said[0] not in _MARKS and not said[0].isdigit():
        return True
    if said[0] in "•‣◦▪":
        return bool(said[1:].strip())
    return not _RULE_SO_FAR.match(said) and _SECOND_WORD.match(said) is not None


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
