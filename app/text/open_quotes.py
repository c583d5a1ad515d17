"""Tells whether a quotation or a bracket is still open, as far as a text can be read from its start."""

import re

_CLOSERS = {
    '"': '"',
    "“": "”“",
    "„": "“”",
    "«": "»",
    "»": "«",
    "‹": "›",
    "(": ")",
    "[": "]",
    "{": "}",
    "「": "」",
    "『": "』",
    "（": "）",
    "【": "】",
    "《": "》",
    "〈": "〉",
}
_ANY = re.compile("[" + re.escape("".join(_CLOSERS) + "".join(_CLOSERS.values())) + "]")
#: Not in the middle of `5"`, and not in `:(`.
_MAY_OPEN_AFTER = re.compile(r"[\s(\[{“„«»‹「『（【《〈\"'‘—–-]")
_OPEN_ANYWHERE = frozenset("「『（【《〈„")


def is_open(text: str) -> bool:
    """Whether something in the text is opened and not closed. Apostrophes are none of these."""
    waiting: list[str] = []
    for match in _ANY.finditer(text):
        mark, at = match[0], match.start()
        if waiting and mark in waiting[-1]:
            waiting.pop()
        elif mark in _CLOSERS and (at == 0 or mark in _OPEN_ANYWHERE or _MAY_OPEN_AFTER.match(text, at - 1)):
            waiting.append(_CLOSERS[mark])
    return bool(waiting)
