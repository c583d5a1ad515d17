"""Languages as people name them ("Dutch", "deutsch", "nl_BE"), as Qwen3-TTS does ("english") and as the rest of the
engine does (BCP 47: "en").

It knows nothing of a particular checkpoint: the caller brings the names that the checkpoint has.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache

from app.errors import InvalidRequest, perhaps
from app.inference.language_names import LANGUAGE_NAMES

#: The model chooses the language by itself.
AUTO = "auto"

_TAGS = {
    "chinese": "zh",
    "english": "en",
    "german": "de",
    "italian": "it",
    "portuguese": "pt",
    "spanish": "es",
    "japanese": "ja",
    "korean": "ko",
    "french": "fr",
    "russian": "ru",
    # Both are Mandarin, for whose dialects no subtag is registered (an "extlang" names a language of its
    # own, such as "yue"), and a region ("zh-CN") would mean a country. Private use is what remains.
    "beijing_dialect": "zh-x-beijing",
    "sichuan_dialect": "zh-x-sichuan",
}
#: A tag, or a locale as systems name it: "nl-BE", "nl_BE", "nl_BE.UTF-8".
_TAG = re.compile(r"([A-Za-z]{2,3}|piqd)((?:[-_][A-Za-z0-9]{1,8})*)(?:[.@][\w.@=-]*)?", re.IGNORECASE)

_DIALECTS = frozenset(tag for tag in _TAGS.values() if "-x-" in tag)

#: The extended language subtags of Chinese, but for Mandarin ("cmn"): languages that the model has not learned.
_NOT_MANDARIN = frozenset(
    {"cdo", "cjy", "cpx", "czh", "czo", "gan", "hak", "hsn", "lzh", "mnp", "nan", "wuu", "yue"}
)


def tag_of(name: str) -> str | None:
    """The BCP 47 tag of a language as a checkpoint names it; None if it is not known here."""
    return _TAGS.get(name.lower())


def language_tag(said: str) -> str:
    """The BCP 47 tag of what somebody calls a language: a name that `q3tts voices` shows, its own name, a code or
    a tag, in any case and with underscores or hyphens. "" and "auto" stay what they are.

    A tag that is well-formed is for the model to refuse. Raises `InvalidRequest` for everything else.
    """
    if (tag := _named().get(_key(said))) is not None:
        return tag
    if said in ("", AUTO):
        return said
    well_formed = _TAG.fullmatch(said.strip())
    if well_formed is None:
        why = f"{said!r:.60} is not a known language{_suggestion(said)}"
        how = "give a name such as Dutch, a BCP 47 tag such as nl-BE, or auto"
        why = f"{why}; {how}; list them with q3tts voices, or GET /v1/voices"
        raise InvalidRequest.about("language", f"language: {why}")
    primary, rest = well_formed[1].lower(), well_formed[2].replace("_", "-")
    return bcp47(_named().get(primary, primary) + rest)


def bcp47(code: str) -> str:
    """A language code in the usual case: "en-us" as "en-US", "cmn-latn-pinyin" as "cmn-Latn-pinyin"."""
    first, *rest = code.lower().split("-")
    subtags = [first]
    private = False
    for subtag in rest:
        private = private or len(subtag) == 1
        if len(subtag) == 2 and not private:
            subtag = subtag.upper()
        elif len(subtag) == 4 and not private:
            subtag = subtag.capitalize()
        subtags.append(subtag)
    return "-".join(subtags)


@cache
def _named() -> dict[str, str]:
    """Tags by every name."""
    named = {_key(name): tag for tag, names in LANGUAGE_NAMES.items() for name in names}
    return {**named, **{_key(name): tag for name, tag in _TAGS.items()}, AUTO: AUTO}


def _key(name: str) -> str:
    """A name without what people write differently: case, accents, hyphens, brackets and spaces."""
    return "".join(character for character in unicodedata.normalize("NFKD", name.casefold()) if character.isalnum())


def _suggestion(said: str) -> str:
    return perhaps(said, (name for names in LANGUAGE_NAMES.values() for name in names if len(name) > 3))


def name_of(tag: str, names: Iterable[str]) -> str | None:
    """Which of the names that a model has for languages a tag means: of "de-AT", "german". None if it has none.

    A model that names them by tags is served as well: of ("en-US", "en-GB"), "en-GB-oxendict" means the second
    and "en-AU" the first. An empty tag and "auto" leave the choice to the model. A dialect is spoken only by a
    checkpoint that has it, and is never quietly made standard Chinese.
    """
    wanted = tag.strip().lower().replace("_", "-")
    if wanted in ("", AUTO):
        return AUTO
    primary, *rest = wanted.split("-")
    if primary == "zh" and rest and rest[0] in _NOT_MANDARIN:
        return None
    if primary == "cmn":
        primary, wanted = "zh", "-".join(["zh", *rest])
    tags = {name: _TAGS.get(name.lower(), name.lower()) for name in names}
    exact = next((name for name in tags if tags[name] == wanted), None)
    if exact is not None or wanted in _DIALECTS:
        return exact
    while wanted := wanted.rpartition("-")[0]:
        for name in tags:
            if tags[name] == wanted:
                return name
    return next(
        (name for name in tags if tags[name].partition("-")[0] == primary and tags[name] not in _DIALECTS), None
    )


def language_distance(own: str, wanted: str) -> int:
    """How far a voice's own language, as BCP 47 tag or "" for any, is from the wanted one; 0 is the same."""
    own, wanted = own.lower(), wanted.lower()
    if own == wanted:
        return 0
    if own.startswith(f"{wanted}-"):
        return 1
    if own.partition("-")[0] == wanted.partition("-")[0]:
        return 2
    return 4 if own else 3
