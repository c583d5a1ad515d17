"""Fixtures for tests of Qwen3-TTS: models of random weights, and what is recorded of them."""

# mlx-audio has no types, MLX's are partly unknown, and those of transformers are too many.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Iterator
from typing import Any

import mlx.core as mx
import pytest

from app.inference.model import Frame, VoiceSpec
from app.workers.synthesis.qwen3.generator import BatchGenerator
from app.workers.synthesis.qwen3.model import Qwen3
from app.workers.synthesis.qwen3.sequence import SpeechSequence
from tests.support.lazily import lazily
from tests.support.qwen3_checkpoints import DEEP, RYAN, Models, clone, tone
from tests.support.variants import in_test_long

speech_tokenizer = lazily("mlx_audio.tts.models.qwen3_tts.speech_tokenizer")


@pytest.fixture
def preset(models: Models) -> Iterator[Qwen3]:
    # The small ones do not listen to what they are told.
    yield from left_as_found(models.model(type="custom_voice", size="1b7"))


@pytest.fixture
def base(models: Models) -> Iterator[Qwen3]:
    yield from left_as_found(models.model(type="base"))


@pytest.fixture
def design(models: Models) -> Iterator[Qwen3]:
    yield from left_as_found(models.model(type="voice_design"))


def left_as_found(model: Qwen3) -> Iterator[Qwen3]:
    yield model
    assert model.step() == []


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many samples each recording has that a model listens to."""
    lengths: list[int] = []
    encoder = speech_tokenizer.Qwen3TTSSpeechTokenizerEncoder
    encode = encoder.encode

    def counted(encoder: Any, audio: mx.array) -> mx.array:
        lengths.append(audio.size)
        return encode(encoder, audio)

    monkeypatch.setattr(encoder, "encode", counted)
    return lengths


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[SpeechSequence]:
    """The sequences that utterances have become."""
    sequences: list[SpeechSequence] = []
    add = BatchGenerator.add

    def noted(generator: BatchGenerator, sequence: SpeechSequence) -> None:
        sequences.append(sequence)
        add(generator, sequence)

    monkeypatch.setattr(BatchGenerator, "add", noted)
    return sequences


def the(frames: list[Frame]) -> Frame:
    (frame,) = frames
    return frame


@pytest.fixture(params=["base", *in_test_long("custom_voice", "voice_design")])
def speaker(request: pytest.FixtureRequest, models: Models, cloned: VoiceSpec) -> Iterator[tuple[Qwen3, VoiceSpec]]:
    """A model of each kind, and a voice for it."""
    kind: str = request.param
    options = {"size": "1b7"} if kind == "custom_voice" else {}
    for model in left_as_found(models.model(type=kind, **options)):
        yield model, {"custom_voice": RYAN, "voice_design": DEEP, "base": cloned}[kind]


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> VoiceSpec:
    return clone(tmp_path_factory.mktemp("other"), tone(310, 9), "So")
