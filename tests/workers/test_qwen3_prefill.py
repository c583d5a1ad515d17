"""How prompts are prefilled: by chunks, which are as long as there is time for, and a shared prefix once."""

# mlx-audio has no types, and MLX's are partly unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
from msgspec.structs import replace

from app.inference.model import FinishReason, Lane
from app.workers.synthesis.qwen3 import cost_model
from app.workers.synthesis.qwen3.attention import QUERIES
from app.workers.synthesis.qwen3.cost_model import CostModel
from app.workers.synthesis.qwen3.kv_cache import KVCache
from app.workers.synthesis.qwen3.model import Qwen3
from app.workers.synthesis.qwen3.prompts import Prompt, PromptBuilder
from app.workers.synthesis.qwen3.talker import Talker
from tests.support.qwen3_checkpoints import (
    LONGER,
    RYAN,
    Models,
    clone,
    endless,
    tone,
    utterance,
)
from tests.support.speaking import Spoken, collect, finish, speak


@pytest.fixture(scope="module")
def preset(eight: Callable[[str], Qwen3]) -> Qwen3:
    return eight("custom_voice")


@pytest.fixture
def prefills(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The positions that are prefilled at once: the first of them, and the first after them."""
    found: list[tuple[int, int]] = []
    prefill = Talker.prefill

    def noted(talker: Talker, cache: KVCache, slot: int, x: mx.array, start: int) -> None:
        found.append((start, start + x.shape[1]))
        prefill(talker, cache, slot, x, start)

    monkeypatch.setattr(Talker, "prefill", noted)
    return found


def lengths(prefills: list[tuple[int, int]]) -> list[int]:
    return [end - start for start, end in prefills]


def test_all_prompts_of_renders_are_prefilled_before_the_first_of_them_generates(
    preset: Qwen3, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step of one sequence takes nearly as long as one of many."""
    monkeypatch.setattr(preset.generator.cost_model, "position_s", 1.0)  # no time for more than the smallest chunk
    preset.add([utterance("Word by word. " * 9, id=id, seed=id, max_seconds=0.3) for id in (1, 2, 3)])
    sequences = preset.generator.stats().sequences
    while len(sequences) < 3 or not all(each.is_prefilled for each in sequences.values()):
        preset.step()
        sequences = preset.generator.stats().sequences
        assert len(sequences) < 3 or all(each.generated <= 2 for each in sequences.values())

    assert {one.reason for one in finish(preset).values()} == {FinishReason.LENGTH}


def test_prefill_chunks_are_multiples_of_what_attention_takes_however_much_time_there_is(
    preset: Qwen3, prefills: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or keys would depend on the other sequences, where a kernel rounds a row differently beside others."""
    build = PromptBuilder.build
    prompts: list[Prompt] = []

    def noted_build(builder: PromptBuilder, *wanted: Any) -> Prompt:
        prompts.append(build(builder, *wanted))
        return prompts[-1]

    monkeypatch.setattr(PromptBuilder, "build", noted_build)
    monkeypatch.setattr(cost_model, "PREFILL_CHUNKS", (QUERIES + 8,))
    wanted = [endless(RYAN, id=number, max_seconds=0.2, seed=number) for number in (1, 2, 3)]
    wanted = [replace(one, text=LONGER * 12) for one in wanted]
    preset.add(wanted)

    finish(preset)

    sections = {prompts[0].prefix.shape[1], *(prompt.positions - 1 for prompt in prompts)}
    cut = [(start, end) for start, end in prefills if end not in sections]
    assert len(cut) >= 3
    assert all((end - start) % QUERIES == 0 for start, end in cut)


def test_a_prefill_chunk_is_as_long_as_there_is_time_for() -> None:
    costs = CostModel(lambda: 0.0)

    def chunks() -> tuple[int, int, int]:
        """Beside somebody who listens, of renders alone, and for one who cannot be heard before."""
        beside, also_beside, alone, awaited = (
            costs.budget_prefill(has_prefilled_listener=has_prefilled_listener, awaiting_first_audio=awaiting)
            for has_prefilled_listener, awaiting in ((True, True), (True, False), (False, False), (False, True))
        )
        assert beside == also_beside
        return beside, alone, awaited

    assert chunks() == (32, 256, 256)
    found: list[tuple[int, int, int]] = []
    for position_s in (1e-5, 3e-4, 1e-3, 1.0):
        for _ in range(30):
            costs.record_prefill(100, 100 * position_s)
        found.append(chunks())

    assert found == [(256, 256, 256), (64, 256, 256), (32, 64, 256), (32, 32, 256)]


def test_a_prefix_that_prompts_share_is_prefilled_once(models: Models, prefills: list[tuple[int, int]]) -> None:
    model = Qwen3.load(models.folder(type="custom_voice", size="1b7"), max_sequences=8)
    first = speak(model, utterance(instruct="In a whisper.")).pcm
    whole = sum(lengths(prefills))
    prefills.clear()

    again = speak(model, utterance(instruct="In a whisper.")).pcm

    assert again == first
    assert sum(lengths(prefills)) < whole / 2
    prefills.clear()
    speak(model, utterance(instruct="In a roar."))
    assert sum(lengths(prefills)) > whole / 2


def test_a_long_prompt_is_prefilled_by_chunks_while_somebody_listens(
    preset: Qwen3, prefills: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    long = utterance("Word by word. " * 30, id=2, max_seconds=0.3)
    expected = speak(preset, long).pcm
    preset.add([endless(id=1, lane=Lane.SPEAK, max_seconds=3)])
    for _ in range(4):
        preset.step()
    prefills.clear()
    monkeypatch.setattr(preset.generator.cost_model, "position_s", 1.0)  # no time for more than the smallest
    preset.add([long])

    spoken = finish(preset)

    assert len(prefills) > 3
    assert max(lengths(prefills)) <= cost_model.PREFILL_CHUNKS[0]
    assert spoken[2].pcm == expected


def test_a_reference_is_decoded_by_a_few_frames_at_once(eight: Callable[[str], Qwen3], tmp_path: Path) -> None:
    """So that cancels and listeners need not wait for all of it."""
    model = eight("base")
    voice = clone(tmp_path, tone(180, 40))
    model.add([utterance(voice=voice, id=1)])
    steps = 0
    spoken: dict[int, Spoken] = {}
    while 1 not in spoken or not spoken[1].pcm:
        steps += 1
        collect(spoken, model.step())

    assert steps >= 40 // 12 + 1
    finish(model, spoken)
    assert speak(model, utterance(voice=voice)).pcm == spoken[1].pcm
