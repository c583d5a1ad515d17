"""Cuts a text into chunks while it is still being written: a sentence each, as soon as it is certain.

The cuts follow from the text alone, however it comes: each is decided by the text before it and a fixed stretch
after it, in the order of the text. So every division of a text into appends gives the same chunks. Sentences are
found by the rules of `chunking.py`, but are not gathered up to `max_chars`, since whoever listens waits for them.
Knows nothing of jobs or sockets.
"""

import re

from app.text.chunking import Boundary, Chunk, boundary_after
from app.text.paragraphs import Block, BlockReader, ParagraphKind, begin_is_certain
from app.text.sentence_stream import SentenceStream
from app.text.tail import Tail

#: As `str.splitlines` has it; a carriage return may be the first half of one.
_LINE_END = re.compile("\r\n|[\n\v\f\x1c-\x1e\x85\u2028\u2029]|\r(?=[^\n])")

#: What is kept of a line whose sentences are out: whether it is a heading is told by its last characters.
_LINE_CHARS = 4_096


class IncrementalCutter:
    """One text. Positions are in code points of the whole text."""

    def __init__(self, *, max_chars: int = 400, language: str = "") -> None:
        self._tail = Tail()
        self._sentences = SentenceStream(self._tail, max_chars=max_chars, language=language)
        self._blocks = BlockReader()
        self._ended: Block | None = None  # the last block whose lines are known; its paragraph may go on with rules
        self._in_paragraph = False
        self._line = self._searched = 0  # where the line begins that is being read; no line end before the other
        self._begun = False  # its beginning has been read
        self._cut_to = 0
        self._count = 0

    @property
    def length(self) -> int:
        """How many code points have come."""
        return self._tail.end

    def append(self, text: str) -> list[Chunk]:
        """More text: the chunks that are certain by now."""
        self._tail.append(text)
        self._read_lines()
        if self._in_paragraph:
            self._sentences.read(self._tail.end if self._begun else self._line)
        return self._taken()

    def flush(self) -> list[Chunk]:
        """Wait for nothing more: the chunks up to the end of what has come. What comes after them begins a
        paragraph of its own, after the pause of a sentence.
        """
        return self._closed(of_text=Boundary.SENTENCE)

    def finish(self) -> list[Chunk]:
        """No more text comes: the chunks up to its end."""
        chunks = self._closed(of_text=Boundary.PARAGRAPH)
        if self._cut_to < self._tail.end:  # white space alone
            chunks.append(self._chunk(self._tail.end, Boundary.PARAGRAPH))
        return chunks

    def _read_lines(self) -> None:
        while (found := self._tail.find(_LINE_END, self._searched, self._tail.end)) is not None:
            self._read_line(found[1])
        self._searched = max(self._line, self._tail.end - 1)
        if not self._begun:
            so_far = self._tail.slice(self._line, self._tail.end)
            if so_far.strip() and begin_is_certain(so_far):
                self._begin(so_far)

    def _read_line(self, end: int) -> None:
        """A whole line."""
        if not self._begun and (line := self._tail.slice(self._line, end)).strip():
            self._begin(line)
        # Of a long one whose sentences are out, the end is left.
        self._note(
            self._blocks.end(self._tail.slice(max(self._line, end - _LINE_CHARS), end), blank=not self._begun)
        )
        self._line = self._searched = end
        self._begun = False

    def _begin(self, line: str) -> None:
        self._begun = True
        self._note(self._blocks.begin(line, self._line))
        if not self._blocks.starting:
            return
        start = self._blocks.start
        if self._in_paragraph and self._ended is not None:
            self._sentences.close(start, boundary_after(self._ended.kind_before_text, self._blocks.kind))
        self._sentences.start(start)
        self._in_paragraph = True

    def _note(self, ended: Block | None) -> None:
        if ended is not None:
            self._ended = ended

    def _closed(self, *, of_text: Boundary) -> list[Chunk]:
        """The chunks up to the end of what has come; `of_text` ends it in a paragraph of plain text."""
        end = self._tail.end
        if self._line < end:
            self._read_line(end)
        self._note(self._blocks.close())
        if self._in_paragraph and self._ended is not None:
            kind = self._ended.kind
            self._sentences.close(end, of_text if kind is ParagraphKind.TEXT else boundary_after(kind, None))
        self._blocks, self._in_paragraph = BlockReader(apart=False), False
        return self._taken()

    def _taken(self) -> list[Chunk]:
        chunks = [self._chunk(unit.end, unit.boundary) for unit in self._sentences.take()]
        kept = self._sentences.kept_from if self._in_paragraph else self._line
        line = max(self._line, self._tail.end - _LINE_CHARS) if self._begun else self._line
        self._tail.drop(min(kept, line))
        return chunks

    def _chunk(self, end: int, boundary: Boundary) -> Chunk:
        chunk = Chunk(self._count, self._cut_to, end, boundary)
        self._count, self._cut_to = self._count + 1, end
        return chunk
