"""In which language a client of the socket wants to be spoken to."""

import re

from app.errors import InvalidRequest
from app.inference.languages import AUTO, NAMES, tag_of

#: What is spoken when nobody says anything else.
LANGUAGE = "English"

_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")


def language_tag(said: str) -> str:
    """A language as BCP 47 tag, or "auto": of "German", "de-AT". Raises `InvalidRequest`."""
    tag = tag_of(said) or (AUTO if said.lower() == AUTO else said)
    if tag != AUTO and _TAG.fullmatch(tag) is None:
        why = f"{said!r:.50} is not a language; use one of {', '.join(NAMES)}, a BCP 47 tag such as de-AT, or auto"
        raise InvalidRequest(f"language: {why}", fields=[{"field": "language", "message": why}])
    return tag
