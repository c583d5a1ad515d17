"""Where a text may be cut at all: never inside what a reader sees as one character.

A conservative reading of Unicode's extended grapheme clusters (UAX 29) with what the standard library
knows: where in doubt, two code points stay together. It knows nothing of words or sentences.
"""

import re
import unicodedata

_ZERO_WIDTH_NON_JOINER = "\u200c"
_ZERO_WIDTH_JOINER = "\u200d"
_BLANKS = re.compile(r"\s*")
_VIRAMA = 9  # the canonical combining class of the signs that tie two Indic consonants into one

#: Signs of category Cf that are seen, and that enclose the digits after them.
PREPENDED = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")

#: Extend a cluster although their category says letter, symbol or format.
_EXTENDING = frozenset("\u0e33\u0eb3\uff9e\uff9f" + _ZERO_WIDTH_NON_JOINER + _ZERO_WIDTH_JOINER)


def joined(text: str, at: int, start: int = 0) -> bool:
    """Whether a cut at code point `at` would go through a grapheme cluster.

    `start` is a known boundary before `at`; nothing before it is looked at.
    """
    if not start < at < len(text):
        return False
    before, after = text[at - 1], text[at]
    if before < "\u0300" and after < "\u0300":
        return before == "\r" and after == "\n"
    if _is_control(before) or _is_control(after):
        return False
    if _extends(after) or before in PREPENDED:
        return True
    if after.isspace():
        return False
    if before == _ZERO_WIDTH_JOINER or unicodedata.combining(before) == _VIRAMA:
        return True
    if _is_flag_half(before) and _is_flag_half(after):
        return _flag_halves_before(text, at, start) % 2 == 1
    return _is_leading_jamo(before) and (_is_leading_jamo(after) or "\uac00" <= after <= "\ud7a3")


def visible_from(text: str, at: int) -> int:
    """The first place from `at` on that is not white space. A space that carries a combining mark is visible."""
    blanks = _BLANKS.match(text, at)
    behind = blanks.end() if blanks else at
    return behind - 1 if behind > at and joined(text, behind, at) else behind


def cut_between(text: str, start: int, aim: int, limit: int) -> int:
    """The cut nearest to `aim`, in (start, limit], that goes through no cluster; `limit` if there is none."""
    for at in range(aim, start, -1):
        if not joined(text, at, start):
            return at
    for at in range(aim + 1, limit + 1):
        if not joined(text, at, start):
            return at
    return limit


def _is_control(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")


def _extends(char: str) -> bool:
    return (
        unicodedata.category(char)[0] == "M"  # combining marks and variation selectors
        or char in _EXTENDING
        or "\U0001f3fb" <= char <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= char <= "\U000e007f"  # tags, as in the flag of Scotland
        or "\u1160" <= char <= "\u11ff"  # Hangul vowels and finals, written apart
        or "\ud7b0" <= char <= "\ud7fb"
    )


def _is_leading_jamo(char: str) -> bool:
    return "\u1100" <= char <= "\u115f" or "\ua960" <= char <= "\ua97c"


def _is_flag_half(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _flag_halves_before(text: str, at: int, start: int) -> int:
    first = at
    while first > start and _is_flag_half(text[first - 1]):
        first -= 1
    return at - first
