"""Languages as Qwen3-TTS names them ("english") and as the rest of the engine does (BCP 47: "en").

It knows nothing of a particular checkpoint: the caller brings the names that the checkpoint has.
"""

from collections.abc import Iterable

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
#: All names that are known here.
NAMES = tuple(_TAGS)

_DIALECTS = frozenset(tag for tag in _TAGS.values() if "-x-" in tag)

#: The extended language subtags of Chinese, but for Mandarin ("cmn"): languages that the model has not learned.
_NOT_MANDARIN = frozenset(
    {"cdo", "cjy", "cpx", "czh", "czo", "gan", "hak", "hsn", "lzh", "mnp", "nan", "wuu", "yue"}
)


def tag_of(name: str) -> str | None:
    """The BCP 47 tag of a language as a checkpoint names it; None if it is not known here."""
    return _TAGS.get(name.lower())


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
