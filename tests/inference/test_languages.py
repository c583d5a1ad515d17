import pytest

from app.inference.espeak_voices import bcp47
from app.inference.languages import AUTO, name_of, tag_of

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
