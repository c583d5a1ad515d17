import pytest

from app.inference.model import FinishReason, Frame
from app.workers.synthesis.espeak.model import Espeak
from tests.support.speaking import speak, utterance


@pytest.mark.parametrize("text", ["", "  \n\t", "...", "—", "\0", "\0\0", "\x01\x02", "\u200b", "。"])
def test_a_text_without_words_ends_at_once_without_audio(espeak: Espeak, text: str) -> None:
    espeak.add([utterance(text)])

    assert espeak.step() == (Frame(1, b"", final=True, finish_reason=FinishReason.STOP),)
    assert espeak.step() == ()


def test_control_characters_neither_end_the_text_nor_command_the_voice(espeak: Espeak) -> None:
    plain = speak(espeak, utterance("One two three, four five six.")).pcm

    for character in ("\0", "\x01", "\x1b", "\x7f"):
        assert speak(espeak, utterance(f"One two{character} three, four five six.")).pcm == plain
    assert speak(espeak, utterance("One \x0180S two")).pcm == speak(espeak, utterance("One  80S two")).pcm


@pytest.mark.parametrize("text", ["a < b > c", "One <break time='5s'/> two", "[[h@l'oU]]", "&lt; &amp;"])
def test_markup_is_text_like_any_other(espeak: Espeak, text: str) -> None:
    assert 0.5 < speak(espeak, utterance(text)).seconds < 6


@pytest.mark.parametrize(
    "text",
    [
        "😀 👨‍👩‍👧 🏳️‍🌈",
        "你好，世界。",
        "مرحبا بالعالم",
        "שלום עולם",
        "x" * 3_000,
        "a\u0301" * 200,
        "\ue001x",
        "\ud800x",
        "𒀀x",
    ],
)
@pytest.mark.parametrize("voice", ["en-us", "cmn", "ar", "!v/klatt6"])
def test_any_script_is_spoken_or_skipped_without_harm(espeak: Espeak, text: str, voice: str) -> None:
    spoken = speak(espeak, utterance(f"{text} 1", voice))

    assert spoken.reason is FinishReason.STOP
    assert spoken.seconds > 0.1
