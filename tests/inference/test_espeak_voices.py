from _ctypes import dlclose
from collections.abc import Iterator
from ctypes import POINTER, PyDLL, Structure, c_char_p, c_int, c_ubyte, c_void_p, string_at

import pytest
from espeakng_loader import (  # pyright: ignore[reportMissingTypeStubs]  # typed inline, no marker
    get_data_path,
    get_library_path,
)

from app.errors import InvalidRequest, VoiceNotFound
from app.inference.espeak_voices import CARD, DEFAULT_LANGUAGE, espeak_data, espeak_name, espeak_voices
from app.inference.languages import bcp47
from tests.support.running import modules_loaded_by

#: Voice files whose dictionaries the package does not carry; the library would set them and stay silent.
MUTE = {"fo", "kaa", "xex"}


class LibraryVoice(Structure):
    _fields_ = (
        ("name", c_char_p),
        ("languages", c_void_p),
        ("identifier", c_char_p),
        ("gender", c_ubyte),
        ("age", c_ubyte),
        ("variant", c_ubyte),
        ("xx1", c_ubyte),
        ("score", c_int),
        ("spare", c_void_p),
    )


def library_voices() -> Iterator[tuple[str, str, str]]:
    """Identifier, display name and first language of what the C library lists by itself."""
    library = PyDLL(get_library_path())
    library.espeak_ListVoices.restype = POINTER(POINTER(LibraryVoice))
    assert library.espeak_Initialize(2, 0, get_data_path().encode(), 0x8000) == 22050
    listed = library.espeak_ListVoices(None)
    index = 0
    while listed[index]:
        voice = listed[index].contents
        language = string_at(voice.languages + 1)  # after the byte with the priority
        yield voice.identifier.decode(), voice.name.decode(), language.decode()
        index += 1
    library.espeak_Terminate()
    dlclose(library._handle)  # whoever speaks in this process later needs a library that was never used


def test_the_list_holds_the_languages_that_the_library_itself_reports() -> None:
    listed = {(voice.name, voice.display_name, voice.language) for voice in espeak_voices() if not voice.variant}

    reported = {
        (identifier.rpartition("/")[2].lower(), name.partition("//")[0].strip().replace("_", " "), bcp47(language))
        for identifier, name, language in library_voices()
        if not identifier.startswith("!v/")  # the variant Storm calls itself a language
    }

    assert {voice for voice in reported if voice[0] not in MUTE} == listed
    assert {voice[0] for voice in reported} >= MUTE


def test_every_language_is_found_by_the_library_where_its_name_says() -> None:
    reported = {identifier for identifier, _, _ in library_voices()}

    assert {espeak_name(voice.name, "") for voice in espeak_voices() if not voice.variant} <= reported


def test_languages_come_before_variants_and_each_part_is_sorted() -> None:
    voices = espeak_voices()

    assert voices == sorted(voices, key=lambda voice: (voice.variant, voice.name))
    assert sum(voice.variant for voice in voices) > 100
    assert sum(not voice.variant for voice in voices) > 130


def test_every_voice_has_an_id_and_a_display_name_of_its_own() -> None:
    voices = espeak_voices()

    assert len({voice.voice_id for voice in voices}) == len(voices)
    assert len({voice.display_name for voice in voices}) == len(voices)
    assert all(voice.display_name.strip() == voice.display_name != "" for voice in voices)


def test_ids_stay_the_same_for_ever() -> None:
    ids = {voice.name: voice.voice_id for voice in espeak_voices()}

    assert ids["en-us"] == "ef6ea9b8-3271-54d1-adab-9a38f25e5091"
    assert ids["!v/f3"] == "76bc5cd3-61d6-5089-872d-ab8518d0df8b"


def test_only_variants_are_without_a_language() -> None:
    assert all((voice.language == "") is voice.variant for voice in espeak_voices())
    assert all(voice.name.startswith("!v/") is voice.variant for voice in espeak_voices())


def test_the_card_names_every_language_once() -> None:
    assert list(CARD.languages) == sorted({voice.language for voice in espeak_voices() if voice.language})
    assert {"en-US", "en-GB", "de", "cmn", "fr-FR", "pt-BR"} <= set(CARD.languages)


@pytest.mark.parametrize(
    ("language", "name"),
    [
        ("", "gmw/en-US+f3"),
        (DEFAULT_LANGUAGE, "gmw/en-US+f3"),
        ("de", "gmw/de+f3"),
        ("DE", "gmw/de+f3"),
        ("de-AT", "gmw/de+f3"),
        ("de_DE", "gmw/de+f3"),
        ("en", "gmw/en+f3"),
        ("en-AU", "gmw/en+f3"),
        ("en-GB-scotland", "gmw/en-GB-scotland+f3"),
        ("fr", "roa/fr+f3"),
        ("zh", "sit/cmn+f3"),
        ("zh-Hant-TW", "sit/cmn+f3"),
        ("no", "gmq/nb+f3"),
        ("es-MX", "roa/es-419+f3"),
    ],
)
def test_a_variant_speaks_the_language_of_the_request_or_the_nearest(language: str, name: str) -> None:
    assert espeak_name("!v/f3", language) == name


def test_every_language_on_the_card_is_one_that_a_variant_can_speak() -> None:
    spoken = {espeak_name("!v/f3", language) for language in CARD.languages}

    assert len(spoken) == len(CARD.languages)


@pytest.mark.parametrize("language", ["tlh", "xex", "e", "-", "😀"])
def test_a_variant_refuses_a_language_that_is_unknown_and_says_which_are_known(language: str) -> None:
    with pytest.raises(InvalidRequest, match=r"it speaks af, .*, yue") as refusal:
        espeak_name("!v/f3", language)

    assert repr(language) in refusal.value.message


@pytest.mark.parametrize(
    ("voice", "language"), [("de", ""), ("de", "de-CH"), ("en-us", "en-GB"), ("cmn", "zh"), ("nb", "no")]
)
def test_a_language_voice_speaks_its_own_language_in_all_its_names(voice: str, language: str) -> None:
    assert espeak_name(voice, language).lower().endswith(f"/{voice}")


@pytest.mark.parametrize(("voice", "language"), [("de", "en"), ("en-us", "de"), ("cmn", "yue"), ("nb", "n")])
def test_a_language_voice_refuses_another_language(voice: str, language: str) -> None:
    with pytest.raises(InvalidRequest, match="choose a voice of that language"):
        espeak_name(voice, language)


@pytest.mark.parametrize("voice", ["", "xx", "fo", "!v/", "!v/nobody", "!v/../../lang/gmw/de", "gmw/de", "F3"])
def test_a_voice_that_does_not_exist_is_never_exchanged_for_another(voice: str) -> None:
    with pytest.raises(VoiceNotFound):
        espeak_name(voice, "")


@pytest.mark.parametrize(
    ("code", "tag"),
    [
        ("en-us", "en-US"),
        ("cmn-latn-pinyin", "cmn-Latn-pinyin"),
        ("es-419", "es-419"),
        ("vi-vn-x-central", "vi-VN-x-central"),
        ("en-gb-x-rp", "en-GB-x-rp"),
    ],
)
def test_language_codes_are_given_in_the_usual_case(code: str, tag: str) -> None:
    assert bcp47(code) == tag


def test_listing_voices_loads_no_native_code() -> None:
    assert espeak_voices()

    loaded = modules_loaded_by("app.inference.espeak_voices")

    assert loaded.isdisjoint({"numpy", "soxr", "greenlet", "espeakng_loader"})


def test_the_data_folder_is_the_one_that_the_package_names() -> None:
    assert str(espeak_data()) == get_data_path()
