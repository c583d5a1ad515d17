"""Finds where sentences begin, by the rules of the language.

The rules and the abbreviations are sentencex's. It is fed small windows of masked text and its answers are
only proposals, because it takes quadratic time on some texts, panics on others ("A", U+2028, "."), knows
"de" but not "de-DE", and cuts between "1." and what it numbers. Nothing here knows of chunks or lengths.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any, cast

import sentencex  # pyright: ignore[reportMissingTypeStubs]

from app.text.graphemes import joined, visible_from

_WINDOW = 2048  # code points; the longest stretch that sentencex sees at once

#: (language, text) -> sentences with `start_index` in code points. The package comes without types.
_find: Callable[[str, str], list[dict[str, Any]]] = cast("Any", sentencex).get_sentence_boundaries

_WHITE_SPACE = re.compile(r"\s")
_SURROGATE = re.compile("[\ud800-\udfff]")
_MARKER = re.compile(r"\W*(?:\d{1,3}|[^\W\d_]|[ivxlcIVXLC]{1,6})[.)]\s*\Z")
_MARKER_CHARS = 20
_SIMPLE_END = re.compile(r"[.!?…]+\s+|[。！？।॥]+\s*")

CLOSING = frozenset(")]}”’›」』）】》〉］｝")
_OPENING = frozenset("([{“‘„‚‹「『（【《〈［｛¿¡")
_EITHER = frozenset("\"'“‘«»")  # open or close, as the language and the place will have it
_QUOTES = str.maketrans(dict.fromkeys("()[]{}\"'“”‘’„‚«»‹›「」『』（）【】《》〈〉", " "))


def sentence_starts(
    text: str, start: int, end: int, *, language: str = "", inside_quotes: bool = False
) -> Iterator[int]:
    """Where sentences begin within text[start:end], ascending, without `start` itself.

    Each is the place of a visible character; the white space before it belongs to the sentence before.
    `language` is a BCP 47 tag; what is not known is read as English. A quotation counts as part of
    the sentence around it, unless the sentences `inside_quotes` are wanted, too.
    """
    known = _primary_language(language)
    last = at = start
    while at < end:
        stop = min(at + _WINDOW, end)
        masked = _masked(text[at:stop], inside_quotes)
        proposals = [at + offset for offset in _proposals(masked, known)]
        if stop == end:
            resume = end
        elif proposals and proposals[-1] - at >= _WINDOW // 2:
            resume = proposals[-1]  # what begins there may continue after the window
        else:
            space = masked.rfind(" ", _WINDOW // 2)
            resume = stop if space < 0 else at + space
        for proposal in proposals:
            if last < proposal <= resume:
                cut = _settled(text, proposal, last, end)
                if last < cut < end and not _is_marker(text, last, cut):
                    yield cut
                    last = cut
        at = resume


def _primary_language(tag: str) -> str:
    primary = re.split("[-_]", tag, maxsplit=1)[0].lower()
    return primary if primary.isascii() and primary.isalpha() else "en"


def _masked(window: str, inside_quotes: bool) -> str:
    """The same number of code points, harmless to sentencex: only plain spaces, nothing UTF-8 cannot say."""
    if inside_quotes:
        window = window.translate(_QUOTES)
    return _SURROGATE.sub("\ufffd", _WHITE_SPACE.sub(" ", window))


def _proposals(masked: str, language: str) -> list[int]:
    try:
        found = _find(language, masked)
    except BaseException as error:
        # A Rust panic comes as a BaseException that no module exports. A text must not end the engine.
        if type(error).__name__ != "PanicException":
            raise
        return [match.end() for match in _SIMPLE_END.finditer(masked)]
    return [boundary["start_index"] for boundary in found][1:]


def _settled(text: str, cut: int, start: int, end: int) -> int:
    """The place near a proposed cut where the next sentence is seen to begin; `end` where none does."""
    if not text[cut - 1].isspace():
        full_stop = text[cut - 1] == "."
        while cut < end and _belongs_to_end(text, cut, start, end):
            cut += 1
        if full_stop and cut < end and text[cut].isalnum():
            return end  # "Node.Js", "p.Henry": no sentence ends in the middle of a word
    cut = min(visible_from(text, cut), end)
    opened = cut
    while opened - 1 > start and text[opened - 1] in _OPENING | _EITHER:
        opened -= 1
    if opened < cut and (text[opened - 1].isspace() or text[opened] in _OPENING):
        cut = opened
    # A space that carries a combining mark goes with it.
    return next((place for place in (cut, cut - 1) if not joined(text, place, start)), end)


def _is_marker(text: str, start: int, end: int) -> bool:
    """Whether the sentence is only the "1. " or "b) " of what follows."""
    return end - start <= _MARKER_CHARS and _MARKER.match(text[start:end]) is not None


def _belongs_to_end(text: str, at: int, start: int, end: int) -> bool:
    """Whether the character at `at`, right after a sentence, still belongs to it."""
    char = text[at]
    if char in _EITHER:
        return at + 1 >= end or not text[at + 1].isalnum()
    return char in CLOSING or unicodedata.category(char) == "No" or joined(text, at, start)
