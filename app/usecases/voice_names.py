"""Which voices a name means. All interfaces resolve the names that people type with this one function."""

import re
from collections.abc import Sequence

from app.store.rows import Voice

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

#: At least this many characters of an id can stand for all of it.
MIN_ID_CHARS = 4


def is_voice_id(said: str) -> bool:
    """Whether it is a whole id, which nothing else needs to be looked at for."""
    return _UUID.fullmatch(said) is not None


def voices_named(voices: Sequence[Voice], said: str, *, active_model_id: str) -> list[Voice]:
    """The voices that `said` means: none, one, or several if it is ambiguous.

    A voice goes by its id, its display name, a preset also by its model's name for it, or by the beginning of its
    id, in this order; case and surrounding white space make no difference. Of several voices those of the active
    model are meant, if it has any of them.
    """
    wanted = said.strip().casefold()
    if not wanted:
        return []
    found = [voice for voice in voices if voice.id == wanted]
    found = found or [voice for voice in voices if wanted in (voice.display_name.casefold(), voice.name.casefold())]
    if not found and len(wanted) >= MIN_ID_CHARS:
        found = [voice for voice in voices if voice.id.startswith(wanted)]
    if len(found) > 1:
        return [voice for voice in found if voice.model_id == active_model_id] or found
    return found
