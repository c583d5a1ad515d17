"""The voices that espeak-ng brings along, read from the files of its data folder.

It knows nothing of the C library: the engine lists voices with this module and never loads native code.
"""

from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from uuid import UUID, uuid5

from msgspec import Struct

from app.errors import InvalidRequest, VoiceNotFound
from app.inference.languages import AUTO, bcp47
from app.inference.model import ModelCard

#: Voice ids are derived from it and the voice's name, so it must never change.
NAMESPACE = UUID("9d0c5a5e-2f0b-5c86-9a9e-6f3f3f1c7c41")

#: What a variant speaks when nobody says which language.
DEFAULT_LANGUAGE = "en-us"

VARIANT_PREFIX = "!v/"

#: espeak-ng's own, for a language that a voice file names without a number. The lower one is preferred.
_DEFAULT_PRIORITY = 5


class EspeakVoice(Struct, frozen=True):
    """A voice of espeak-ng: a language's own, or a variant, which speaks the language of the request."""

    voice_id: str
    name: str  #: "en-us", or "!v/f3" for a variant
    display_name: str
    language: str  #: BCP 47, empty for a variant
    variant: bool


class _VoiceFile(Struct, frozen=True):
    """What a voice file says; `path` is what the library finds it by without a search."""

    path: str
    display_name: str
    languages: tuple[tuple[str, int], ...]  #: in lower case, each with its priority
    dictionary: str

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2].lower()


def espeak_voices() -> list[EspeakVoice]:
    """All voices, languages before variants, each part sorted by name. Empty where espeak-ng is left out."""
    languages = [
        _voice(file.name, file.display_name, language=bcp47(file.languages[0][0]))
        for file in _language_files().values()
    ]
    variants = [
        _voice(name, file.display_name, language="", variant=True) for name, file in _variant_files().items()
    ]
    return sorted(languages, key=lambda voice: voice.name) + sorted(variants, key=lambda voice: voice.name)


def espeak_name(voice_name: str, language: str) -> str:
    """What the library's SetVoiceByName takes for a voice in a language ("gmw/de+f3"). It cannot tell
    languages apart, so "auto" is the voice's own, as an empty one is.

    The name has the folder in front, which saves the library a search through all files.
    """
    language = "" if language == AUTO else language
    if voice_name.startswith(VARIANT_PREFIX):
        variant = _variant_files().get(voice_name)
        if variant is None:
            raise VoiceNotFound(f"espeak-ng has no variant {voice_name!r}")
        spoken = _language_file(language or DEFAULT_LANGUAGE)
        return f"{spoken.path}+{variant.path}"

    voice = _language_files().get(voice_name)
    if voice is None:
        raise VoiceNotFound(f"espeak-ng has no voice {voice_name!r}")
    own = {_primary(code) for code, _ in voice.languages}
    if language and _primary(language) not in own:
        raise InvalidRequest.about(
            "language",
            f"the voice {voice_name!r} speaks {bcp47(voice.languages[0][0])}, not {language!r}; "
            "choose a voice of that language, or a variant, which speaks every language of espeak-ng",
        )
    return voice.path


def espeak_data() -> Path | None:
    """The data folder of the package `espeakng-loader`, found without importing it."""
    spec = find_spec("espeakng_loader")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "espeak-ng-data"
    return folder if folder.is_dir() else None


def _voice(name: str, display_name: str, *, language: str, variant: bool = False) -> EspeakVoice:
    voice_id = str(uuid5(NAMESPACE, name))
    return EspeakVoice(voice_id, name, display_name, language, variant)


def _language_file(language: str) -> _VoiceFile:
    """The voice file that speaks a language best: of "de-AT", "de", if there is no Austrian one."""
    wanted = language.lower().replace("_", "-")
    while wanted:
        speaking = [
            (priority, file.name, file)
            for file in _language_files().values()
            for code, priority in file.languages
            if code == wanted
        ]
        if speaking:
            return min(speaking, key=lambda found: found[:2])[2]
        wanted = wanted.rpartition("-")[0]
    raise InvalidRequest.about(
        "language", f"espeak-ng does not speak {language!r}; it speaks {', '.join(_languages())}"
    )


def _languages() -> tuple[str, ...]:
    return tuple(sorted({bcp47(file.languages[0][0]) for file in _language_files().values()}))


def _primary(code: str) -> str:
    return code.lower().replace("_", "-").partition("-")[0]


@cache
def _language_files() -> dict[str, _VoiceFile]:
    """By name. Left out are voices whose dictionary the package does not carry: they would stay silent."""
    data = espeak_data()
    if data is None:
        return {}
    files = _voice_files(data / "lang")
    return {file.name: file for file in files if (data / f"{file.dictionary}_dict").is_file()}


@cache
def _variant_files() -> dict[str, _VoiceFile]:
    """By name. Beside this folder stand only voices that need MBROLA's data, which nobody ships."""
    data = espeak_data()
    if data is None:
        return {}
    return {VARIANT_PREFIX + file.path: file for file in _voice_files(data / "voices" / "!v")}


def _voice_files(folder: Path) -> Iterator[_VoiceFile]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield _read(path, path.relative_to(folder).as_posix())


def _read(path: Path, name: str) -> _VoiceFile:
    """Read a voice file as the library does: a keyword per line, comments after # and //."""
    display_name = ""
    dictionary = ""
    languages: list[tuple[str, int]] = []
    for line in path.read_text("utf-8", errors="replace").splitlines():
        keyword, _, rest = line.partition("//")[0].strip().partition(" ")
        words = rest.split()
        if keyword == "name" and words:
            display_name = " ".join(words).replace("_", " ")
        elif keyword == "dictionary" and words:
            dictionary = words[0]
        elif keyword == "language" and words:
            priority = int(words[1]) if len(words) > 1 else _DEFAULT_PRIORITY
            languages.append((words[0].lower(), priority))
    return _VoiceFile(
        path=name,
        display_name=display_name or name,
        languages=tuple(languages),
        dictionary=dictionary or _primary(languages[0][0]),
    )


CARD = ModelCard(
    model_id="espeak-ng",
    languages=_languages(),
    native_settings=frozenset({"rate", "pitch"}),
    supports_clone=False,
    streams=True,
    pauses_at=((0.5, 2.78), (0.75, 1.57), (1.0, 1.0), (1.25, 0.655), (1.5, 0.43), (1.75, 0.267), (2.0, 0.13)),
)
