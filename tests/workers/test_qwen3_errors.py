"""What goes wrong in an utterance of Qwen3-TTS ends that utterance, and no other."""

# mlx-audio has no types, MLX's are partly unknown, and those of transformers are too many.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest

from app.inference.model import FinishReason, Utterance, VoiceKind, VoiceSpec
from app.workers.synthesis.qwen3 import loading
from app.workers.synthesis.qwen3.model import Qwen3
from app.workers.synthesis.qwen3.prompts import Prompt, PromptBuilder
from app.workers.synthesis.qwen3.references import CODES_FILE
from app.workers.synthesis.qwen3.sequence import SpeechSequence
from tests.support.lazily import lazily
from tests.support.qwen3_checkpoints import (
    DEEP,
    EMPTY,
    RYAN,
    Alone,
    Models,
    clone,
    tone,
    utterance,
)
from tests.support.qwen3_fixtures import base as base
from tests.support.qwen3_fixtures import begun as begun
from tests.support.qwen3_fixtures import design as design
from tests.support.qwen3_fixtures import preset as preset
from tests.support.qwen3_fixtures import the as the
from tests.support.speaking import finish, speak
from tests.support.variants import in_test_long

speech_tokenizer = lazily("mlx_audio.tts.models.qwen3_tts.speech_tokenizer")

STOP, ERROR = FinishReason.STOP, FinishReason.ERROR


def test_a_text_that_no_buffer_has_room_for_is_refused_and_a_long_limit_is_cut(
    preset: Qwen3, begun: list[SpeechSequence]
) -> None:
    preset.add([utterance("word " * 40_000, id=1), utterance(EMPTY, id=2, max_seconds=1e7)])

    spoken = finish(preset)

    assert spoken[1].reason is ERROR
    assert "more than 32,768" in spoken[1].frames[-1].error
    assert spoken[2].reason is STOP
    assert begun[0].max_positions == 32_768


def test_samples_that_are_not_finite_end_an_utterance(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "require_finite", id)  # as if an overflow were to blame
    model = models.model(type="custom_voice", sound="nan")
    model.add([utterance(id=1), utterance(id=2)])

    spoken = finish(model)

    for number in (1, 2):
        frame = spoken[number].frames[-1]
        assert (spoken[number].pcm, frame.final, frame.finish_reason) == (b"", True, ERROR)
        assert "NaN or infinite samples" in frame.error


def test_an_exception_ends_its_utterance_and_no_other(
    preset: Qwen3, alone: Alone, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = alone(preset, utterance())
    build = PromptBuilder.build

    def fails(prompts: PromptBuilder, wanted: Utterance, reference: Any) -> Prompt:
        if "tired" in wanted.text:
            raise RuntimeError("the weights are tired")
        return build(prompts, wanted, reference)

    monkeypatch.setattr(PromptBuilder, "build", fails)
    preset.add([utterance(id=1), utterance("I am tired.", id=7), utterance(id=2)])
    spoken = finish(preset)

    assert (spoken[7].pcm, spoken[7].reason) == (b"", ERROR)
    assert "the weights are tired" in spoken[7].frames[-1].error
    assert spoken[1].pcm == spoken[2].pcm == expected


@pytest.mark.parametrize(
    ("kind", "voice", "words"),
    [
        (
            "custom_voice",
            VoiceSpec(VoiceKind.CLONE, folder="/nowhere"),
            "a model of kind custom_voice has no clone voices",
        ),
        ("base", VoiceSpec(VoiceKind.CLONE, folder="/nowhere"), "/nowhere/reference.wav"),
        *in_test_long(
            ("custom_voice", DEEP, "has no design voices"),
            ("custom_voice", VoiceSpec(VoiceKind.PRESET, "nobody"), "nobody"),
            ("base", RYAN, "a model of kind base has no preset voices"),
            ("voice_design", RYAN, "has no preset voices"),
            ("voice_design", VoiceSpec(VoiceKind.DESIGN), "describe the voice"),
        ),
    ],
)
def test_a_voice_that_the_model_cannot_have_is_an_error(
    models: Models, kind: str, voice: VoiceSpec, words: str, cloned: VoiceSpec
) -> None:
    options = {"size": "1b7"} if kind == "custom_voice" else {}
    model = models.model(type=kind, **options)
    fine = {"custom_voice": RYAN, "voice_design": DEEP, "base": cloned}[kind]
    model.add([utterance(voice=voice, id=3), utterance(EMPTY, fine, id=4)])

    spoken = finish(model)

    (frame,) = spoken[3].frames
    assert (frame.pcm, frame.final, frame.finish_reason) == (b"", True, ERROR)
    assert words in frame.error
    assert spoken[4].reason is STOP


def _no_wav(path: Path) -> None:
    path.write_bytes(b"RIFF of another kind")


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _too_short(path: Path) -> None:
    clone(path.parent, tone()[:100])


def _no_samples(path: Path) -> None:
    clone(path.parent, tone()[:0])


def _stereo(path: Path) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 24_000, 0, "NONE", ""))
        file.writeframes(bytes(40_000))


def _another_rate(path: Path) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(40_000))


@pytest.mark.parametrize("damage", [_no_wav, _empty, _too_short, _no_samples, _stereo, _another_rate])
def test_a_recording_that_is_none_is_an_error_of_its_utterance_alone(
    base: Qwen3, tmp_path: Path, cloned: VoiceSpec, damage: Callable[[Path], None]
) -> None:
    voice = clone(tmp_path)
    damage(tmp_path / "reference.wav")
    base.add([utterance(voice=voice, id=3), utterance(EMPTY, cloned, id=4)])

    spoken = finish(base)

    (frame,) = spoken[3].frames
    assert (frame.final, frame.finish_reason) == (True, ERROR)
    assert frame.error.startswith("it cannot be spoken: ")
    assert spoken[4].reason is STOP
    assert not (tmp_path / CODES_FILE).exists()


def test_an_exception_while_listening_to_a_reference_is_an_error_of_its_utterance_alone(
    base: Qwen3, tmp_path: Path, cloned: VoiceSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def encode(*_: Any) -> mx.array:
        raise RuntimeError("out of memory")

    speak(base, utterance(EMPTY, cloned))
    monkeypatch.setattr(speech_tokenizer.Qwen3TTSSpeechTokenizerEncoder, "encode", encode)
    base.add([utterance(voice=clone(tmp_path, tone(203)), id=3), utterance(EMPTY, cloned, id=4)])

    spoken = finish(base)

    assert the(spoken[3].frames).error == "it cannot be spoken: out of memory"
    assert spoken[4].reason is STOP
