"""Codes and samples of Qwen3-TTS are those of its makers' own code, which `tests.golden` has kept."""

# MLX's types are partly unknown.
# pyright: reportUnknownMemberType=false

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from numpy.typing import NDArray

from app.inference.model import FinishReason, Lane, Sampling, Utterance, VoiceKind, VoiceSpec
from app.selftest.checkpoint.dims import Kind
from app.workers.synthesis import mlx_runtime
from app.workers.synthesis.qwen3.generator import BatchGenerator, IterationOutput
from app.workers.synthesis.qwen3.loading import load_checkpoint
from app.workers.synthesis.qwen3.model import Qwen3
from app.workers.synthesis.qwen3.reference_encoder import ReferenceEncoder
from tests.golden.cases import (
    CASES,
    CHECKPOINTS,
    FRAME_SAMPLES,
    KEPT,
    ONE_SAMPLE_IN,
    RECORDINGS,
    TRANSCRIPT,
    Case,
    checkpoint_sum,
    recording,
)
from tests.support.qwen3_checkpoints import Models, clone
from tests.support.qwen3_codes import Codes
from tests.support.qwen3_codes import generated as generated
from tests.support.speaking import finish
from tests.support.variants import mostly_in_test_long

pytestmark = pytest.mark.skipif(mlx_runtime.device() != "cpu", reason="elsewhere, talkers are not in float32")

#: Of samples, the loudest of which is about a half.
SAME = 1e-4


@pytest.fixture(scope="module")
def kept() -> dict[str, NDArray[Any]]:
    with np.load(KEPT) as file:
        return dict(file)


@pytest.fixture(scope="module")
def folder(models: Models) -> Callable[[Kind], Path]:
    return lambda kind: models.folder(type=kind, **CHECKPOINTS[kind])


@pytest.fixture(scope="module")
def model(folder: Callable[[Kind], Path]) -> Callable[[Kind], Qwen3]:
    loaded: dict[Kind, Qwen3] = {}

    def of_kind(kind: Kind) -> Qwen3:
        if kind not in loaded:
            loaded[kind] = Qwen3.load(folder(kind), max_sequences=8)
        return loaded[kind]

    return of_kind


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> dict[str, VoiceSpec]:
    parent = tmp_path_factory.mktemp("recordings")
    return {name: clone(parent / name, recording(name), TRANSCRIPT) for name in RECORDINGS}


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> dict[int, list[NDArray[np.float32]]]:
    """The samples of each utterance as they come out of the loop."""
    found: dict[int, list[NDArray[np.float32]]] = {}
    step = BatchGenerator.step

    def noted(generator: BatchGenerator) -> list[IterationOutput]:
        outputs = step(generator)
        for one in outputs:
            found.setdefault(one.sequence.utterance_id, []).append(one.samples)
        return outputs

    monkeypatch.setattr(BatchGenerator, "step", noted)
    return found


def wanted(case: Case, voices: dict[str, VoiceSpec], number: int) -> Utterance:
    voice = {
        "custom_voice": VoiceSpec(VoiceKind.PRESET, case.voice),
        "voice_design": VoiceSpec(VoiceKind.DESIGN, description=case.voice),
        "base": voices.get(case.voice, VoiceSpec(VoiceKind.CLONE)),
    }[case.kind]
    return Utterance(
        case.text,
        voice,
        Lane.RENDER,
        seed=1,
        id=number,
        language=case.language,
        sampling=Sampling(temperature=0, repetition_penalty=case.penalty),
        text_layout=case.layout,
        instruct=case.instruct,
        max_seconds=case.frames / 12.5,
    )


@pytest.mark.parametrize("kind", CHECKPOINTS)
def test_the_checkpoints_are_those_that_the_makers_code_was_given(
    folder: Callable[[Kind], Path], kept: dict[str, NDArray[Any]], kind: Kind
) -> None:
    why = "the checkpoint is generated otherwise than before; have `python -m tests.golden` make all anew"
    assert checkpoint_sum(folder(kind)) == str(kept[f"{kind}/sum"]), why


@pytest.mark.long  # each is also among those of the next test
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_take_is_that_of_the_makers_code(
    model: Callable[[Kind], Qwen3],
    voices: dict[str, VoiceSpec],
    kept: dict[str, NDArray[Any]],
    generated: dict[int, list[Codes]],
    heard: dict[int, list[NDArray[np.float32]]],
    case: Case,
) -> None:
    speaker = model(case.kind)
    speaker.add([wanted(case, voices, 1)])

    spoken = finish(speaker)

    compare(case, kept, generated[1], heard[1])
    assert spoken[1].reason is expected_reason(case, kept)


def expected_reason(case: Case, kept: dict[str, NDArray[Any]]) -> FinishReason:
    limited = len(kept[f"{case.name}/codes"]) == case.frames
    return FinishReason.LENGTH if limited else FinishReason.STOP


@pytest.mark.parametrize("kind", mostly_in_test_long(CHECKPOINTS, but=("base",)))
def test_takes_of_both_layouts_beside_each_other_are_those_of_the_makers_code(
    model: Callable[[Kind], Qwen3],
    voices: dict[str, VoiceSpec],
    kept: dict[str, NDArray[Any]],
    generated: dict[int, list[Codes]],
    heard: dict[int, list[NDArray[np.float32]]],
    kind: Kind,
) -> None:
    cases = [case for case in CASES if case.kind == kind]
    assert {case.layout for case in cases} == {"before", "beside"}
    speaker = model(kind)
    speaker.add([wanted(case, voices, number) for number, case in enumerate(cases)])

    spoken = finish(speaker)

    for number, case in enumerate(cases):
        compare(case, kept, generated[number], heard[number])
        assert spoken[number].reason is expected_reason(case, kept)


def compare(
    case: Case, kept: dict[str, NDArray[Any]], generated: list[Codes], heard: list[NDArray[np.float32]]
) -> None:
    codes, samples = np.stack(generated).astype(np.int64), np.concatenate(heard)
    expected = kept[f"{case.name}/codes"]
    frames = len(expected)
    assert len(codes) >= frames
    others = np.flatnonzero((codes[:frames] != expected).any(axis=1))
    assert not others.size, f"the takes part at frame {others[0]} of {frames}"
    assert samples.size == frames * FRAME_SAMPLES
    assert np.abs(samples[::ONE_SAMPLE_IN] - kept[f"{case.name}/samples"]).max() < SAME


def test_enough_is_compared(kept: dict[str, NDArray[Any]]) -> None:
    """Longer than the window that mlx-audio's penalty looks back, with codes that recur beyond it; and takes
    that end by themselves.
    """
    frames = {case.name: len(kept[f"{case.name}/codes"]) for case in CASES}
    assert sum(count > 100 for count in frames.values()) >= 6
    assert sum(frames[case.name] < case.frames for case in CASES) >= 5
    for kind in CHECKPOINTS:
        assert any(frames[case.name] > 100 for case in CASES if case.kind == kind)


@pytest.fixture(scope="module")
def encoder(folder: Callable[[Kind], Path]) -> ReferenceEncoder:
    loaded = load_checkpoint(folder("base"))
    return ReferenceEncoder(loaded.speech_tokenizer, loaded.model.speaker_encoder)


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recording_is_encoded_as_by_the_makers_code(
    encoder: ReferenceEncoder, kept: dict[str, NDArray[Any]], name: str
) -> None:
    samples = mx.array(recording(name) / np.float32(32_768))

    codes, speaker = (
        np.array(encoder.encode(samples), np.int64),
        np.array(encoder.embed_speaker(samples), np.float32),
    )

    assert np.array_equal(codes[0].T, kept[f"{name}/codes"])
    expected = kept[f"{name}/speaker"]
    assert np.linalg.norm(expected) > 1
    assert np.abs(speaker[0] - expected).max() < 1e-5
