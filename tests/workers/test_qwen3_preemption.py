"""Which sequences have a slot: listeners before renders, and as many as the machine has time for."""

# mlx-audio has no types, and MLX's are partly unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from app.inference.model import FinishReason, Lane, VoiceKind, VoiceSpec
from app.workers.synthesis.qwen3 import cost_model
from app.workers.synthesis.qwen3.cost_model import CostModel
from app.workers.synthesis.qwen3.model import Qwen3
from tests.support.qwen3_checkpoints import (
    LONGER,
    TEXT,
    endless,
    utterance,
)
from tests.support.speaking import Spoken, collect, finish, speak

VIVIAN = VoiceSpec(VoiceKind.PRESET, "vivian")


@pytest.fixture(scope="module")
def preset(eight: Callable[[str], Qwen3]) -> Qwen3:
    return eight("custom_voice")


@pytest.mark.long
def test_a_listener_goes_before_eight_renders_and_they_lose_nothing(
    preset: Qwen3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preset.generator, "max_iteration_s", 1e9)
    renders = [utterance(LONGER, id=number, seed=number) for number in range(8)]
    heard = utterance(LONGER, VIVIAN, id=99, lane=Lane.SPEAK)
    alone = {one.id: speak(preset, one).pcm for one in (*renders, heard)}
    spoken: dict[int, Spoken] = {}
    preset.add(renders)
    for _ in range(9):
        collect(spoken, preset.step())

    preset.add([heard])
    first = 0
    while 99 not in spoken or not spoken[99].pcm:
        first += 1
        collect(spoken, preset.step())
    finish(preset, spoken)

    assert first <= 4, "it becomes a sequence, its prompt, its first frame, its audio"
    assert {id: one.pcm for id, one in spoken.items()} == alone


def test_a_listener_goes_before_what_others_will_hear_later(preset: Qwen3, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four listeners with two chunks each have all slots; the fifth does not wait for any of those to end."""
    monkeypatch.setattr(preset.generator, "max_iteration_s", 1e9)
    jobs = [(endless(id=2 * n + 1, lane=Lane.SPEAK, max_seconds=0.8), 2 * n + 2) for n in range(4)]
    later = [replace(first, id=second, after=first.id, seed=5) for first, second in jobs]
    alone = {one.id: speak(preset, one).pcm for one in (*(first for first, _ in jobs), *later)}
    spoken: dict[int, Spoken] = {}
    preset.add([one for pair in zip((first for first, _ in jobs), later, strict=True) for one in pair])
    for _ in range(12):
        collect(spoken, preset.step())
    assert all(each.has_slot for each in preset.generator.stats().sequences.values())

    preset.add([utterance(TEXT, VIVIAN, id=99, lane=Lane.SPEAK)])
    steps = 0
    while 99 not in spoken or not spoken[99].pcm:
        steps += 1
        collect(spoken, preset.step())
    finish(preset, spoken)

    assert steps <= 5
    assert {id: spoken[id].pcm for id in alone} == alone


@pytest.mark.long
def test_where_the_machine_is_too_slow_renders_are_preempted_while_somebody_listens(
    preset: Qwen3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preset.generator.cost_model, "real_time_share", 0.0)  # as if no width kept real time
    renders = [endless(id=number, seed=number, max_seconds=1) for number in range(3)]
    alone = {one.id: speak(preset, one).pcm for one in renders}
    spoken: dict[int, Spoken] = {}
    preset.add(renders)
    for _ in range(6):
        collect(spoken, preset.step())

    preset.add([endless(id=9, lane=Lane.SPEAK, max_seconds=0.8)])
    running: set[int] = set()
    while 9 not in spoken or not spoken[9].frames[-1].final:
        collect(spoken, preset.step())
        sequences = preset.generator.stats().sequences
        running |= {id for id, each in sequences.items() if each.has_slot and each.generated > 5}
    finish(preset, spoken)

    assert 9 in running
    assert {id: spoken[id].pcm for id in alone} == alone
    assert all(spoken[id].frames[-1].finish_reason is FinishReason.LENGTH for id in alone)


@pytest.mark.long
def test_a_long_sequence_that_was_preempted_comes_back_beside_a_new_listener(
    preset: Qwen3, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The listener's prompt is kept, and much shorter than what has to be swapped in."""
    long = endless(id=1, max_seconds=24)
    expected = speak(preset, long).pcm
    speak(preset, utterance(TEXT, VIVIAN))
    spoken: dict[int, Spoken] = {}
    preset.add([long])
    stats = preset.generator.stats
    while 1 not in stats().sequences or stats().sequences[1].generated < 260:
        collect(spoken, preset.step())
    monkeypatch.setattr(preset.generator.cost_model, "real_time_share", 0.0)
    preset.add([endless(VIVIAN, id=2, lane=Lane.SPEAK, max_seconds=9)])
    while stats().sequences[1].has_slot or 2 not in spoken:
        collect(spoken, preset.step())

    monkeypatch.setattr(preset.generator.cost_model, "real_time_share", 1e9)
    preset.cancel(2)
    preset.add([endless(VIVIAN, id=3, lane=Lane.SPEAK, max_seconds=1)])
    finish(preset, spoken)

    assert spoken[1].pcm == expected
    assert spoken[3].reason is FinishReason.LENGTH


def test_a_width_that_was_too_slow_is_tried_again_after_a_while() -> None:
    now = 100.0
    costs = CostModel(lambda: now)
    for sequences, took_s in ((1, 0.01), (2, 0.2)):
        costs.record_step(sequences, took_s)
    assert costs.real_time_sequences == 1

    now += cost_model.VALID_S + 1
    costs.record_step(1, 0.01)

    assert costs.real_time_sequences == 2
    costs.record_step(2, 0.02)
    assert costs.real_time_sequences == 4
