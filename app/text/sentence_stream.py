"""Finds the sentences of a paragraph while it is still being written.

What may end a sentence is judged once the next word is seen, and stands. A quotation or a bracket that is open
makes it wait, up to twice the most that a chunk may have; what is longer is cut there, as `chunking.py` does.

Everything is decided at a place of the text, and in the order of places. So what is found does not depend on how
much of the text has come.
"""

import re

from app.text.chunking import TINY_CHARS, TINY_WORDS, WORD, Boundary, Unit, is_tiny, pieces, units, visible_end_of
from app.text.clauses import clause_cuts
from app.text.open_quotes import is_open
from app.text.sentences import sentence_starts
from app.text.tail import Tail

#: What may end a sentence: punctuation, but no comma, dash, quote, bracket or sign of mathematics.
_MARK = re.compile(
    r"[^\w\s,;:'\"‘’“”„‚«»‹›()\[\]{}\-–—/&%$#@*+=<>_`~|\\^、，；：،؛·•€£¥°§（）「」『』【】《》〈〉]"
)
_WORD_CHAR = re.compile(r"\w")
_NO_WORD_CHAR = re.compile(r"\W")
_VISIBLE = re.compile(r"\S")

#: How far after a mark the next word may begin, and how much of it is waited for.
_GAP_CHARS, _WORD_CHARS = 80, 8


class SentenceStream:
    """One paragraph at a time: `start` it, `read` as it grows, `close` it; `take` what has been found."""

    def __init__(self, tail: Tail, *, max_chars: int, language: str) -> None:
        self._tail, self._max_chars, self._language = tail, max_chars, language
        self._start = 0  # of the sentence that is being read
        self._from = 0  # where the next mark is looked for
        self._judged = 0  # the last place at which a mark was judged
        self._held: Unit | None = None  # what follows may be so short that it goes with it
        self._spoke = False
        self._found: list[Unit] = []

    @property
    def kept_from(self) -> int:
        """What lies before is not needed any more."""
        return self._start if self._held is None else self._held.start

    def take(self) -> list[Unit]:
        """What has been found since it was asked last."""
        found, self._found = self._found, []
        return found

    def start(self, at: int) -> None:
        """A paragraph begins here; or a sentence does."""
        self._start = self._from = self._judged = at

    def read(self, limit: int) -> None:
        """Decide whatever can be; up to `limit` the text has come, and belongs to the paragraph."""
        while True:
            judged_at, known = self._next_judgement(limit), limit + 1
            apart_at, far = self._apart_at(limit), self._start + 2 * self._max_chars
            if apart_at is not None and apart_at <= min(far, judged_at or known):
                self._emit()
            elif far <= min(limit, judged_at or known):
                self._cut_long(far)
            elif judged_at is not None:
                self._judge(judged_at)
            else:
                return

    def close(self, end: int, boundary: Boundary) -> None:
        """The paragraph ends here, with this boundary."""
        self.read(end)
        rest = self._tail.slice(self._start, end)
        for unit in units(rest, 0, len(rest), boundary, self._max_chars, self._language):
            self._add(_moved(unit, self._start))
        self._emit()

    def _next_judgement(self, limit: int) -> int | None:
        """Up to where the text is needed to judge the next mark; None when that is not known, or has not come."""
        mark = self._tail.find(_MARK, self._from, limit)
        if mark is None:
            return None
        self._from = mark[0]
        latest = mark[1] + _GAP_CHARS
        word = self._tail.find(_WORD_CHAR, mark[1], min(limit, latest))
        if word is None:
            return latest if latest <= limit else None
        latest = word[0] + _WORD_CHARS
        after = self._tail.find(_NO_WORD_CHAR, word[0], min(limit, latest))
        if after is not None:
            return after[0]
        return latest if latest <= limit else None

    def _judge(self, at: int) -> None:
        """Whether the sentence ends at the mark, as the text up to `at` has it."""
        self._from += 1
        if at == self._judged:
            return  # several marks in a row
        self._judged = at
        seen = self._tail.slice(self._start, at)
        cut = next(sentence_starts(seen, 0, len(seen), language=self._language), None)
        if cut is None or is_open(seen[:cut]):
            return
        self._add_sentence(seen, cut)

    def _cut_long(self, far: int) -> None:
        seen = self._tail.slice(self._start, far)
        inner = next(sentence_starts(seen, 0, len(seen), language=self._language, inside_quotes=True), None)
        if inner is not None:
            self._add_sentence(seen, inner)
            return
        cut = next(clause_cuts(seen, 0, visible_end_of(seen, 0, len(seen)), self._max_chars), None)
        end, clause = (len(seen), False) if cut is None else cut
        self._add(_moved(_unit(seen, end, Boundary.CLAUSE if clause else Boundary.WORD), self._start))
        self.start(self._start + end)

    def _add_sentence(self, seen: str, cut: int) -> None:
        for piece in pieces(seen, _unit(seen, cut, Boundary.SENTENCE), self._max_chars, self._language):
            self._add(_moved(piece, self._start))
        self.start(self._start + cut)

    def _apart_at(self, limit: int) -> int | None:
        """Where it is seen that what is held goes alone: the next sentence is not tiny, or does not fit."""
        held = self._held
        if held is None or self._is_tiny(held):
            return None
        large = self._tail.find(_VISIBLE, self._start + TINY_CHARS, limit)
        full = self._tail.find(_VISIBLE, max(self._start, held.start + self._max_chars), limit)
        words = None
        at = self._start
        for _ in range(TINY_WORDS + 1):
            words = self._tail.find(WORD, at, limit)
            if words is None:
                break
            at = words[1]
        places = [place[0] + 1 for place in (large, full, words) if place is not None]
        return min(places, default=None)

    def _add(self, unit: Unit) -> None:
        held = self._held
        if held is not None and self._go_together(held, unit):
            self._held = unit._replace(start=held.start)
            return
        self._emit()
        self._held = unit
        if not self._spoke:  # the first is spoken at once
            self._emit()

    def _go_together(self, unit: Unit, following: Unit) -> bool:
        fit = following.visible_end - unit.start <= self._max_chars
        return fit and (self._is_tiny(unit) or self._is_tiny(following))

    def _is_tiny(self, unit: Unit) -> bool:
        text = self._tail.slice(unit.start, unit.visible_end)
        return is_tiny(text, Unit(0, len(text), len(text), unit.boundary))

    def _emit(self) -> None:
        if self._held is not None:
            text = self._tail.slice(self._held.start, self._held.visible_end)
            self._spoke = self._spoke or _WORD_CHAR.search(text) is not None
            self._found.append(self._held)
            self._held = None


def _unit(text: str, end: int, boundary: Boundary) -> Unit:
    return Unit(0, visible_end_of(text, 0, end), end, boundary)


def _moved(unit: Unit, by: int) -> Unit:
    return Unit(unit.start + by, unit.visible_end + by, unit.end + by, unit.boundary)
