import re

import pytest

from app.errors import InvalidRequest
from app.inference.espeak_voices import espeak_voices
from app.inference.language_names import LANGUAGE_NAMES
from app.inference.languages import AUTO, bcp47, language_tag, name_of, tag_of

NAMES = (
    "chinese",
    "english",
    "german",
    "italian",
    "portuguese",
    "spanish",
    "japanese",
    "korean",
    "french",
    "russian",
    "beijing_dialect",
    "sichuan_dialect",
)


@pytest.mark.parametrize("name", NAMES)
def test_every_language_of_qwen_comes_back_from_its_tag(name: str) -> None:
    tag = tag_of(name)
    assert tag is not None
    assert bcp47(tag) == tag
    assert name_of(tag, NAMES) == name
    assert tag_of(name.upper()) == tag


def test_an_unknown_name_has_no_tag() -> None:
    assert tag_of("klingon") is None


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("", AUTO),
        ("auto", AUTO),
        (" AUTO ", AUTO),
        ("en-US", "english"),
        ("EN", "english"),
        ("pt_BR", "portuguese"),
        ("zh-Hans-CN", "chinese"),
        ("cmn-Hant-TW", "chinese"),
        ("zh-cmn", "chinese"),
        ("en-x-pirate", "english"),
        ("ZH-X-Sichuan", "sichuan_dialect"),
        ("zh-yue", None),
        ("yue", None),
        ("nl", None),
        ("english-", None),
        ("x", None),
        ("-", None),
    ],
)
def test_a_tag_finds_the_name_of_its_language(tag: str, name: str | None) -> None:
    assert name_of(tag, NAMES) == name


def test_a_checkpoint_without_the_language_has_no_name_for_it() -> None:
    assert name_of("de", ["english", "chinese"]) is None


def test_a_dialect_is_not_quietly_made_standard_chinese_or_the_other_way_round() -> None:
    assert name_of("zh-x-beijing", ["chinese"]) is None
    assert name_of("zh", ["beijing_dialect"]) is None


def test_a_name_is_given_back_as_the_checkpoint_spells_it() -> None:
    assert name_of("en", ["Chinese", "English"]) == "English"


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("en-GB", "en-GB"),
        ("en-GB-oxendict", "en-GB"),
        ("en", "en-US"),
        ("en-AU", "en-US"),
        ("pt", "pt-BR"),
        ("de", None),
    ],
)
def test_a_model_that_names_its_languages_by_tags_is_served_too(tag: str, name: str | None) -> None:
    assert name_of(tag, ("en-US", "en-GB", "pt-BR")) == name


@pytest.mark.parametrize(
    ("said", "tag"),
    [
        ("Dutch", "nl"),
        ("POLISH", "pl"),
        ("nl_BE", "nl-BE"),
        ("nl_be.UTF-8", "nl-BE"),
        ("deutsch", "de"),
        ("Français", "fr"),
        ("francais", "fr"),
        ("中文", "zh"),
        ("Norwegian Bokmål", "nb"),
        ("norwegian-bokmal", "nb"),
        ("English (America)", "en-US"),
        ("english america", "en-US"),
        ("brazilian_portuguese", "pt-BR"),
        ("deu", "de"),
        ("ger-at", "de-AT"),
        ("EN-gb", "en-GB"),
        ("zh-hans-cn", "zh-Hans-CN"),
        ("ZH-X-Sichuan", "zh-x-sichuan"),
        ("beijing_dialect", "zh-x-beijing"),
        ("Klingon", "piqd"),
        ("piqd", "piqd"),
        ("xx", "xx"),
        ("AUTO", AUTO),
        ("", ""),
    ],
)
def test_a_language_is_understood_as_people_call_it(said: str, tag: str) -> None:
    assert language_tag(said) == tag


def test_every_name_of_a_voice_of_a_language_is_a_name_of_its_language() -> None:
    for voice in espeak_voices():
        if not voice.variant:
            tag = language_tag(voice.display_name)
            assert voice.language == tag or voice.language.startswith(f"{tag}-"), voice
            assert language_tag(voice.language.upper().replace("-", "_")) == voice.language


def test_no_name_means_two_languages() -> None:
    for tag, names in LANGUAGE_NAMES.items():
        assert bcp47(tag) == tag
        for name in (tag, *names):
            assert language_tag(name) == tag, name


@pytest.mark.parametrize(
    ("said", "suggestion"),
    [
        ("Dutsch", "perhaps Deutsch or Dutch is meant; give a name"),
        ("polsk", "polski"),
        ("e!", "known language; give a name"),
        (" ", "list them with"),
    ],
)
def test_an_unknown_language_is_refused_with_what_may_be_meant(said: str, suggestion: str) -> None:
    with pytest.raises(InvalidRequest, match=re.escape(suggestion)) as refused:
        language_tag(said)

    assert "q3tts voices" in refused.value.message
    assert "nl-BE" in refused.value.message
    assert refused.value.details["fields"][0]["field"] == "language"
