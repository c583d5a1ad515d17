"""Prompts are laid out as mlx-audio lays them out, and those that begin alike share a prefix."""

# mlx-audio has no types, and MLX's are partly unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from numpy.typing import NDArray

from app.inference.model import VoiceKind, VoiceSpec
from app.workers.synthesis.qwen3.prompts import Prompt, PromptBuilder
from app.workers.synthesis.qwen3.references import Reference
from tests.support.lazily import lazily
from tests.support.qwen3_checkpoints import DEEP, LONGER, Models, tone, utterance

mlx_audio = lazily("mlx_audio.tts")

Samples = NDArray[np.float32]


def whole(prompt: Prompt) -> Samples:
    return np.array(mx.concatenate([prompt.prefix, prompt.suffix], axis=1).astype(mx.float32))


@pytest.mark.parametrize("language", ["auto", "english", "chinese"])
@pytest.mark.parametrize(
    ("kind", "voice", "instruct"),
    [
        ("custom_voice", VoiceSpec(VoiceKind.PRESET, "ryan"), ""),
        ("custom_voice", VoiceSpec(VoiceKind.PRESET, "vivian"), "Whisper, please."),
        ("custom_voice", VoiceSpec(VoiceKind.PRESET, "dylan"), ""),  # whose Chinese is a dialect
        ("voice_design", DEEP, ""),
    ],
)
def test_a_prompt_is_laid_as_mlx_audio_lays_it(
    models: Models, kind: str, voice: VoiceSpec, instruct: str, language: str
) -> None:
    theirs: Any = mlx_audio.load(models.folder(type=kind))
    names = tuple(theirs.config.talker_config.codec_language_id)
    tag = {"english": "en", "chinese": "zh", "auto": ""}[language]
    wanted = utterance(LONGER, voice, instruct=instruct, language=tag)

    ours = PromptBuilder(theirs, names).build(wanted, None)

    told = {"speaker": voice.name or None, "instruct": voice.description or instruct or None}
    expected = theirs._prepare_generation_inputs(LONGER, language=language, **told)[0]
    assert np.array_equal(whole(ours), np.array(expected.astype(mx.float32)))


def test_a_clones_prompt_is_laid_as_mlx_audio_lays_it(models: Models) -> None:
    theirs: Any = mlx_audio.load(models.folder(type="base"))
    audio = mx.array(tone() / np.float32(32_768))
    prompts = PromptBuilder(theirs, ("english",))
    codes = theirs.speech_tokenizer.encode(audio[None, None]).astype(mx.int32)
    speaker = theirs.extract_speaker_embedding(audio).astype(mx.float32)
    reference = Reference("key", codes, speaker, prompts.embed_codes(codes))
    voice = VoiceSpec(VoiceKind.CLONE, folder="/somewhere", transcript="I was there.", language="en")

    ours = prompts.build(utterance(LONGER, voice), reference)

    expected = theirs._prepare_icl_generation_inputs(LONGER, audio, "I was there.", language="english")[0]
    assert np.array_equal(whole(ours), np.array(expected.astype(mx.float32)))


def test_prompts_with_the_same_prefix_have_the_same_key(models: Models) -> None:
    prompts = PromptBuilder(mlx_audio.load(models.folder(type="custom_voice", size="1b7")), ("english", "german"))
    wanted = [
        utterance("A"),
        utterance("B", seed=4),
        utterance("A", VoiceSpec(VoiceKind.PRESET, "vivian")),
        utterance("A", instruct="Low."),
        utterance("A", language="de"),
    ]

    made = [prompts.build(one, None) for one in wanted]

    assert made[0].prefix_key == made[1].prefix_key
    assert mx.array_equal(made[0].prefix, made[1].prefix)
    assert len({one.prefix_key for one in made}) == 4
