"""How a Qwen3-TTS sequence is sampled: by its utterance, else by the checkpoint, else by the official code."""

# mlx-audio has no types, MLX's are partly unknown, and those of transformers are too many.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from app.inference.model import Sampling, VoiceSpec
from app.workers.synthesis.qwen3.model import Qwen3
from app.workers.synthesis.qwen3.sampling import CodeSampling, SamplingParams
from app.workers.synthesis.qwen3.sequence import SpeechSequence
from tests.support.qwen3_checkpoints import (
    Models,
    utterance,
)
from tests.support.qwen3_fixtures import base as base
from tests.support.qwen3_fixtures import begun as begun
from tests.support.qwen3_fixtures import preset as preset
from tests.support.speaking import speak
from tests.support.variants import in_test_long


def test_a_sequence_samples_as_its_utterance_says(preset: Qwen3, begun: list[SpeechSequence]) -> None:
    speak(preset, utterance(seed=5, sampling=Sampling(0.4, 7, 0.8, 1.3)))

    assert begun[0].sampling == SamplingParams(5, 0.4, 7, 0.8, 1.3, 2)


def test_what_nobody_says_is_as_the_checkpoint_has_it(preset: Qwen3, begun: list[SpeechSequence]) -> None:
    speak(preset, utterance(seed=5, sampling=Sampling(top_k=0)))

    assert begun[0].sampling == SamplingParams(5, 0.9, 0, 1.0, 1.05, 2)


@pytest.mark.parametrize(
    ("configured", "said", "expected"),
    [
        (
            {"top_k": 9, "repetition_penalty": 1.2},
            Sampling(),
            SamplingParams(1, 0.9, 9, 1.0, 1.2, 2, CodeSampling(0.9, 50, 1)),
        ),
        ({"do_sample": False}, Sampling(), SamplingParams(1, 0.0, 50, 1.0, 1.05, 2, CodeSampling(0.9, 50, 1.0))),
        *in_test_long(
            ({}, Sampling(), SamplingParams(1, 0.9, 50, 1.0, 1.05, 2)),
            (
                {"subtalker_temperature": 0.5},
                Sampling(),
                SamplingParams(1, 0.9, 50, 1.0, 1.05, 2, CodeSampling(0.5, 50, 1.0)),
            ),
            ({"subtalker_temperature": 0.5}, Sampling(0.3, 7, 0.8), SamplingParams(1, 0.3, 7, 0.8, 1.05, 2)),
            (
                {"subtalker_dosample": False},
                Sampling(),
                SamplingParams(1, 0.9, 50, 1.0, 1.05, 2, CodeSampling(0.0, 50, 1.0)),
            ),
            ({"do_sample": False}, Sampling(temperature=0.4), SamplingParams(1, 0.4, 50, 1.0, 1.05, 2)),
        ),
    ],
)
def test_what_nobody_says_is_as_a_checkpoint_has_it_for_the_first_code_and_for_the_others(
    models: Models,
    tmp_path: Path,
    begun: list[SpeechSequence],
    configured: dict[str, Any],
    said: Sampling,
    expected: SamplingParams,
) -> None:
    shutil.copytree(models.folder(type="custom_voice"), tmp_path / "other")
    (tmp_path / "other" / "generation_config.json").write_text(json.dumps(configured))

    speak(Qwen3.load(tmp_path / "other"), utterance(sampling=said, max_seconds=0.08))

    assert begun[0].sampling == expected


def test_a_clones_penalty_is_the_one_that_was_asked_for(
    base: Qwen3, cloned: VoiceSpec, begun: list[SpeechSequence]
) -> None:
    """mlx-audio forces clones to a penalty of 1.5."""
    for said, expected in ((None, 1.05), (1.0, 1.0), (1.2, 1.2), (1.7, 1.7)):
        speak(base, utterance(voice=cloned, sampling=Sampling(repetition_penalty=said), max_seconds=0.08))

        assert begun[-1].sampling.penalty == expected
