"""What a model says for a part of the text: the words, without the marks that only the eye needs.

It knows nothing of chunks and keeps no positions: what it returns is heard, never counted.
"""

import re
import unicodedata

from app.text.graphemes import PREPENDED

_LINE_END = re.compile(r"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")

#: `===` under a title, `---` and `* * *` between scenes, a fence of code, a bullet without an item.
_RULE = re.compile(r"[ \t]*+(?:[-=*_~#`][ \t]*+)++\Z")
_HASHES = re.compile(r"[ \t]*+#{1,6}[ \t]+")
_CLOSING_HASHES = re.compile(r"(?<=[ \t])#++\Z")
_BULLET = re.compile(r"[ \t]*+(?:[-*+][ \t]+|[•‣◦▪][ \t]*)")

#: Clearly paired: tight around what they enclose, and nothing of their own kind inside.
_EMPHASIS = (
    re.compile(r"(?<![\w*])\*(?=[^\s*])([^*]++)(?<=\S)\*(?![\w*])"),
    re.compile(r"(?<![\w_])_(?=[^\s_])([^_]++)(?<=\S)_(?![\w_])"),
    re.compile(r"(?<![\d*])\*\*(?=[^\s*])([^*]++)(?<=\S)\*\*(?![\d*])"),
    re.compile(r"(?<![\w_])__(?=[^\s_])([^_]++)(?<=\S)__(?![\w_])"),
    re.compile(r"(?<!\*)\*\*\*(?=[^\s*])([^*]++)(?<=\S)\*\*\*(?!\*)"),
    re.compile(r"(?<!~)~~(?=[^\s~])([^~]++)(?<=\S)~~(?!~)"),
    re.compile(r"(?<!`)`([^`]++)`(?!`)"),
)

#: Letters, numbers and the symbols that have a name: "%" is not among them, but never stands alone.
_SPEAKABLE = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Nd", "Nl", "No", "Sc", "Sm", "So"})

_ORTHOGRAPHIC = "\u200c\u200d"  # the joiners of Persian and of the Indic scripts


def spoken_text(text: str) -> str:
    """The words of a chunk's text, in NFC, on one line. Empty if there is nothing that can be spoken."""
    lines = [_without_marks(line) for line in _LINE_END.split(text)]
    spoken = " ".join(_without_invisible(" ".join(lines)).split())
    for emphasis in _EMPHASIS:
        spoken = emphasis.sub(r"\1", spoken)
    spoken = unicodedata.normalize("NFC", spoken).strip()
    return spoken if any(unicodedata.category(char) in _SPEAKABLE for char in spoken) else ""


def _without_marks(line: str) -> str:
    """A line without the Markdown at its start and end."""
    if _RULE.match(line):
        return ""
    if hashes := _HASHES.match(line):
        return _CLOSING_HASHES.sub("", line[hashes.end() :].rstrip())
    return _BULLET.sub("", line, count=1) if _BULLET.match(line) else line


def _without_invisible(line: str) -> str:
    """Drop what is neither seen nor heard, and would only confuse a model."""
    if line.isascii() and line.isprintable():
        return line
    return "".join(char for at, char in enumerate(line) if _is_kept(line, at, char))


def _is_kept(line: str, at: int, char: str) -> bool:
    if char.isspace() or char in PREPENDED:
        return True
    if char in _ORTHOGRAPHIC:
        # A part of the spelling between letters of these scripts; elsewhere only glue.
        return 0 < at < len(line) - 1 and _is_joining(line[at - 1]) and _is_joining(line[at + 1])
    return unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co")


def _is_joining(char: str) -> bool:
    """Whether it belongs to a script from Arabic to Tibetan and Burmese, where joiners are spelling."""
    return "\u0600" <= char <= "\u109f"
