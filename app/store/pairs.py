"""Pairs of neighbouring characters, by which words of two characters are found in scripts that have no spaces
between words. The trigram index cannot find less than three. Pure.

What is deleted from the index must be what was put there, so another rule here needs a migration that makes the
index anew.
"""

import re
from itertools import pairwise

#: Thai, Lao, Burmese, Khmer, kana, Chinese characters; and Hangul syllables.
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff]"
)


def has_unspaced(words: str) -> bool:
    """Whether something in it belongs to a script without spaces."""
    return _UNSPACED.search(words) is not None


def pairs_of(words: str) -> str:
    """The tokens of all pairs with a character of such a script, once each, with spaces between them."""
    if not has_unspaced(words):
        return ""
    # Looked up once for each character, of which there are fewer than places.
    unspaced = set(_UNSPACED.findall(words))
    found = {pair for pair in pairwise(words) if pair[0] in unspaced or pair[1] in unspaced}
    return " ".join(sorted({_token(*pair) for pair in found}))


def pair_token(words: str) -> str:
    """The token of a word of two characters."""
    first, second = words
    return _token(first, second)


def _token(first: str, second: str) -> str:
    """In ASCII, which no tokenizer divides. Case counts nowhere in ASCII, and everywhere else, as in LIKE."""
    return f"{_folded(first):x}x{_folded(second):x}"


def _folded(character: str) -> int:
    return ord(character.lower() if character.isascii() else character)
