"""OpenAI's names of voices, which its clients have in fixed lists: each means one of a model's own presets.

Always the same one, for the same model and language. A model's presets have their own names all the same.
"""

from collections.abc import Sequence

from app.inference.languages import language_distance
from app.store.rows import Voice

STOCK_VOICES = (
    *("alloy", "ash", "ballad", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer", "verse"),
    *("marin", "cedar"),
)

#: From here on `language_distance` means another language.
_OTHER_LANGUAGE = 3


def is_stock_voice(name: str) -> bool:
    """Whether it is one of OpenAI's names; case makes no difference."""
    return name.strip().casefold() in STOCK_VOICES


def stock_voice(name: str, presets: Sequence[Voice], language: str) -> Voice:
    """Which of a model's presets one of OpenAI's names means; there is one at least.

    The names are spread over the presets whose own language it is; if there are none, over those that speak any;
    else over all of them. A voice that reads the language in an unusual script (`en-Shaw`) is left out.
    """
    own = [
        voice
        for voice in presets
        if voice.language_hint
        and language_distance(voice.language_hint, language) < _OTHER_LANGUAGE
        and not _has_script(voice.language_hint)
    ]
    able = own or [voice for voice in presets if not voice.language_hint] or presets
    ordered = sorted(able, key=lambda voice: (voice.name, voice.id))
    place, names = STOCK_VOICES.index(name.strip().casefold()), len(STOCK_VOICES)
    return ordered[place * len(ordered) // names if len(ordered) >= names else place % len(ordered)]


def _has_script(tag: str) -> bool:
    """BCP 47: a subtag of four letters is a script."""
    return any(len(part) == 4 and part.isalpha() for part in tag.split("-")[1:])
