"""OpenAI's names of voices, spread over the presets of a model."""

import re

import pytest

from app.inference.espeak_voices import espeak_voices
from app.inference.model import VoiceKind
from app.store.rows import Voice
from app.usecases.stock_voices import STOCK_VOICES, is_stock_voice, stock_voice
from tests.support.pages import section_of, text_of


def preset(name: str, language: str | None) -> Voice:
    return Voice(
        id=name,
        kind=VoiceKind.PRESET,
        display_name=name,
        model_id="m",
        name=name,
        language_hint=language,
        created_at=0,
    )


def meant(presets: list[Voice], language: str = "en") -> list[str]:
    return [stock_voice(name, presets, language).name for name in STOCK_VOICES]


def test_there_are_thirteen_and_case_makes_no_difference() -> None:
    assert len(STOCK_VOICES) == len(set(STOCK_VOICES)) == 13
    assert is_stock_voice(" Nova ")
    assert not is_stock_voice("en-us")
    assert stock_voice(" Nova ", [preset("a", "en")], "en").name == "a"


def test_the_same_name_means_the_same_voice_in_whatever_order_the_presets_come() -> None:
    presets = [preset(name, "en") for name in "dacb"]

    assert meant(presets) == meant(presets[::-1]) == list("abcdabcdabcda")


def test_more_presets_than_names_are_spread_over() -> None:
    presets = [preset(f"{number:02}", "en-us") for number in range(26)]

    assert meant(presets) == [f"{number:02}" for number in range(0, 26, 2)]


def test_the_language_counts_first_then_voices_that_speak_any() -> None:
    presets = [preset("us", "en-US"), preset("gb", "en-GB"), preset("nl", "nl"), preset("any", None)]

    assert set(meant(presets)) == {"us", "gb"}
    assert set(meant(presets, "nl-BE")) == {"nl"}
    assert set(meant(presets, "fr")) == {"any"}
    assert set(meant(presets[:3], "fr")) == {"us", "gb", "nl"}


@pytest.mark.skipif(not espeak_voices(), reason="this build has no espeak-ng")
def test_of_espeak_ng_they_are_english_voices_that_read_latin_letters() -> None:
    names = meant([preset(voice.name, voice.language or None) for voice in espeak_voices()])

    assert len(set(names)) == 8
    assert all(name.startswith("en") for name in names)
    assert "en-shaw" not in names


@pytest.mark.skipif(not espeak_voices(), reason="this build has no espeak-ng")
def test_the_documentation_says_which_they_are() -> None:
    names = meant([preset(voice.name, voice.language or None) for voice in espeak_voices()])
    rows = re.findall(
        r"^\| `(\w+)` \| `([\w-]+)` \|$", section_of(text_of("docs/openai.md"), "## The voices"), re.M
    )

    assert rows == list(zip(STOCK_VOICES, names, strict=True))
