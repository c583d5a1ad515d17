"""Cuts a sentence that is too long, where a speaker would take a breath.

At the ends of clauses if there are any, else between words, and inside a word only if nothing else is
left. It knows lengths and punctuation; it knows nothing of paragraphs or chunks.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from app.text.graphemes import cut_between, joined, visible_from
from app.text.sentences import CLOSING

_WORD = re.compile(r"\S+")

#: At the end of a word. A comma within one is a part of a number.
_CLAUSE_MARKS = frozenset(",;:!?…—–،؛؟，、；：。！？｡､।")
_DASHES = frozenset({"-", "--", "–"})
_CLOSERS = "\"'" + "".join(CLOSING)

#: These end a clause without any white space after them.
_INNER_END = re.compile(r"[，、；：。！？｡､—]+[」』】》〉）”’]*")


class Cut(NamedTuple):
    """Where a piece of a sentence ends."""

    at: int  #: in code points of the text; the white space after the piece belongs to it
    clause: bool  #: whether it is the end of a clause


class _Candidate(NamedTuple):
    length: int  # in code points, of the piece without the white space after it
    at: int


def clause_cuts(text: str, start: int, end: int, max_chars: int) -> Iterator[Cut]:
    """The cuts, ascending, that leave no piece of text[start:end] with more than `max_chars` code points.

    A piece ends where the pieces come out alike; a short sentence has none. `text[end - 1]` is not white space.
    """
    while end - start > max_chars:
        cut = _next_cut(text, start, end, max_chars)
        yield cut
        start = cut.at


def _next_cut(text: str, start: int, end: int, max_chars: int) -> Cut:
    clauses, words = _candidates(text, start, max_chars)
    rest = end - start
    least = max_chars // 6  # a clause is not worth a pause if this little stands on one side of it
    clauses = [clause for clause in clauses if least <= clause.length <= rest - least]
    for candidates in (clauses, words):
        if candidates:
            return Cut(_best(candidates, rest, max_chars).at, clause=candidates is clauses)
    even = rest // -(-rest // max_chars)
    return Cut(cut_between(text, start, start + even, start + max_chars), clause=False)


def _candidates(text: str, start: int, max_chars: int) -> tuple[list[_Candidate], list[_Candidate]]:
    """Where the next piece may end: after clauses, and after words. Both ascending."""
    window = text[start : start + max_chars + 1]
    clauses: list[_Candidate] = []
    words: list[_Candidate] = []
    for word in _WORD.finditer(window):
        for inner in _INNER_END.finditer(word[0]):
            length = word.start() + inner.end()
            # What ends with the word is seen below; what ends with the window is one too long.
            if inner.end() < len(word[0]) and not joined(text, start + length, start):
                clauses.append(_Candidate(length, start + length))
        if word.end() > max_chars:
            break
        candidate = _Candidate(word.end(), visible_from(text, start + word.end()))
        words.append(candidate)
        if word[0] in _DASHES or word[0].rstrip(_CLOSERS)[-1:] in _CLAUSE_MARKS or word[0][-1] in CLOSING:
            clauses.append(candidate)
    return clauses, words


def _best(candidates: list[_Candidate], rest: int, max_chars: int) -> _Candidate:
    """The one that makes the pieces most alike, without making them more; else the last one."""
    pieces = -(-rest // max_chars)
    enough = [candidate for candidate in candidates if candidate.length >= rest - (pieces - 1) * max_chars]
    if not enough:
        return candidates[-1]
    return min(enough, key=lambda candidate: abs(candidate.length - rest / pieces))
