"""Decode steps that are launched unit by unit, as on a CPU: a listener who comes in the middle of one does not wait
for the rest, and no frame is lost.
"""

# MLX's types are partly unknown.
# pyright: reportUnknownMemberType=false

import mlx.core as mx
import numpy as np
import pytest
from msgspec.structs import replace

from app.inference.model import FinishReason, Lane, Utterance
from app.workers.synthesis.qwen3.model import Qwen3
from app.workers.synthesis.qwen3.sampling import SamplingParams, stack_sampling
from tests.support.qwen3_checkpoints import LONGER, Models, endless, utterance
from tests.support.speaking import Spoken, collect, finish, speak
from tests.support.variants import in_test_long, mostly_in_test_long

RENDERS = [endless(id=number, seed=number, max_seconds=1.2) for number in (1, 2, 3)]
RENDERS[1] = replace(RENDERS[1], text="∞ " + LONGER * 3, text_layout="beside")
LISTENER = utterance(LONGER, id=99, lane=Lane.SPEAK, seed=7)

#: Launch units of a step: the tiny talker's two layers at once, each pass, and what the next step needs.
UNITS = 1 + 16 + 1


@pytest.fixture(scope="module")
def model(models: Models) -> Qwen3:
    return Qwen3.load(models.folder(type="custom_voice", size="1b7"), max_sequences=8)


@pytest.fixture(scope="module")
def alone(model: Qwen3) -> dict[int, bytes]:
    return {one.id: speak(model, one).pcm for one in (*RENDERS, LISTENER)}


@pytest.fixture(autouse=True)
def a_unit_at_a_time(model: Qwen3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model.generator, "max_iteration_s", 0.0)


@pytest.fixture(params=["go on", *in_test_long("preempted")])
def renders(model: Qwen3, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What becomes of renders while somebody listens."""
    share = 0.0 if request.param == "preempted" else 1e9
    monkeypatch.setattr(model.generator.cost_model, "real_time_share", share)
    return request.param


def units_left(model: Qwen3) -> int:
    """Launch units that are left of the decode step in flight."""
    return model.generator.stats().step_units_left or 0


def generated(model: Qwen3, wanted: list[Utterance]) -> list[int]:
    """Frames of each utterance whose codes have been launched; 0 for those that wait to become a sequence."""
    sequences = model.generator.stats().sequences
    return [sequences[one.id].generated if one.id in sequences else 0 for one in wanted]


def has_slot(model: Qwen3, one: Utterance) -> bool:
    return model.generator.stats().sequences[one.id].has_slot


@pytest.mark.parametrize("units", mostly_in_test_long(range(1, UNITS), but=(9,)))
def test_a_listener_who_comes_in_the_middle_of_a_step_does_not_wait_for_the_rest(
    model: Qwen3, alone: dict[int, bytes], renders: str, units: int
) -> None:
    spoken: dict[int, Spoken] = {}
    model.add(RENDERS)
    while min(generated(model, RENDERS)) < 3 or units_left(model) != units:
        collect(spoken, model.step())
    before = generated(model, RENDERS)

    model.add([LISTENER])
    collect(spoken, model.step())  # it becomes a sequence, and the step is rolled back for it
    assert has_slot(model, LISTENER)
    assert generated(model, RENDERS) == before
    while not spoken.get(LISTENER.id, Spoken()).pcm:
        collect(spoken, model.step())
    preempted = generated(model, RENDERS) == before
    finish(model, spoken)

    assert preempted == (renders == "preempted")
    assert {id: one.pcm for id, one in spoken.items()} == alone


def test_audio_of_renders_waits_for_a_listeners_first(model: Qwen3, alone: dict[int, bytes], renders: str) -> None:
    spoken: dict[int, Spoken] = {}
    model.add(RENDERS)
    while Lane.RENDER not in model.generator.stats().audio_units_left or not units_left(model):
        collect(spoken, model.step())
    units = model.generator.stats().audio_units_left[Lane.RENDER]

    model.add([LISTENER])
    while not spoken.get(LISTENER.id, Spoken()).pcm:
        collect(spoken, model.step())
        assert model.generator.stats().audio_units_left[Lane.RENDER] == units
    finish(model, spoken)

    assert {id: one.pcm for id, one in spoken.items()} == alone


def test_audio_of_renders_that_has_to_wait_delays_no_listener(
    model: Qwen3, alone: dict[int, bytes], renders: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is heard already, beside another whose prompt is long."""
    monkeypatch.setattr(model.generator.cost_model, "position_s", 1.0)  # it is prefilled by small chunks
    heard = endless(id=98, seed=4, lane=Lane.SPEAK, max_seconds=1)
    spoken: dict[int, Spoken] = {}
    model.add(RENDERS)
    while Lane.RENDER not in model.generator.stats().audio_units_left or not units_left(model):
        collect(spoken, model.step())
    model.add([heard])
    while not spoken.get(heard.id, Spoken()).pcm:
        collect(spoken, model.step())
    first = len(spoken[heard.id].pcm)

    model.add([replace(LISTENER, text="Word by word. " * 60, max_seconds=0.2)])
    while not spoken.get(LISTENER.id, Spoken()).pcm:
        collect(spoken, model.step())

    assert len(spoken[heard.id].pcm) > first
    finish(model, spoken)
    assert {one.id: spoken[one.id].pcm for one in RENDERS} == {one.id: alone[one.id] for one in RENDERS}


def test_a_step_without_sequences_delays_nobody(
    model: Qwen3, alone: dict[int, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model.generator.cost_model, "real_time_share", 0.0)
    spoken: dict[int, Spoken] = {}
    model.add([*RENDERS, endless(id=5, lane=Lane.SPEAK)])
    while 5 not in spoken or not spoken[5].pcm or units_left(model) < UNITS - 2:
        collect(spoken, model.step())
    assert not any(has_slot(model, one) for one in RENDERS)

    model.cancel(5)
    for _ in range(2):  # its final frame, and an iteration
        collect(spoken, model.step())

    assert all(has_slot(model, one) for one in RENDERS)
    finish(model, spoken)
    assert spoken[5].reason is FinishReason.CANCELED
    assert {one.id: spoken[one.id].pcm for one in RENDERS} == {one.id: alone[one.id] for one in RENDERS}


def test_listeners_who_find_no_slot_stop_nobody(model: Qwen3) -> None:
    listeners = [endless(id=number, lane=Lane.SPEAK, max_seconds=0.24) for number in range(1, 13)]
    model.add(listeners)

    spoken = finish(model)

    assert {id: one.reason for id, one in spoken.items()} == {one.id: FinishReason.LENGTH for one in listeners}


def test_an_utterance_that_is_canceled_in_the_middle_of_its_first_step_leaves_nothing(model: Qwen3) -> None:
    for units in range(1, UNITS):
        model.add([endless(id=1)])
        while units_left(model) != units:
            model.step()
        model.cancel(1)
        model.step()
        stats = model.generator.stats()
        assert (stats.sequences, stats.step_units_left, model.step()) == ({}, None, [])


def test_keys_and_values_are_written_in_place(model: Qwen3) -> None:
    """Although a step can be rolled back: to copy those of a long sequence would take longer than its frame."""
    talker = model.generator.talker
    cache = talker.make_cache()
    cache.resize(8, 4_000)
    sampling, mode = stack_sampling([SamplingParams(1, 0.0, 0, 1.0, 1.0, 0)] * 8)
    mx.eval(cache.keys, cache.values, cache.inputs, cache.history, sampling)
    of_all = sum(array.nbytes for array in (*cache.keys, *cache.values))
    mx.reset_peak_memory()
    before = mx.get_active_memory()

    step = talker.build_step(cache, mx.array([3_000] * 8), mx.array([9] * 8), sampling, mode)
    while not step.launched:
        step.launch_unit()
    mx.eval(step.codes)

    assert mx.get_peak_memory() - before < of_all / 2


def test_a_step_that_is_rolled_back_is_the_same_when_it_is_taken_again(model: Qwen3) -> None:
    talker = model.generator.talker
    sampling, mode = stack_sampling([SamplingParams(1, 0.9, 50, 1.0, 1.05, 0)])

    def codes(rolled_back: int) -> list[list[int]]:
        cache = talker.make_cache()
        cache.resize(1, 20)
        found: list[list[int]] = []
        for frame in range(4):
            for units in (rolled_back, UNITS):
                step = talker.build_step(cache, mx.array([frame]), mx.array([frame]), sampling, mode)
                for _ in range(units):
                    step.launch_unit()
                if step.launched:
                    found.append(np.array(step.codes)[0].tolist())
                else:
                    step.rollback()
        return found

    whole = codes(0)
    assert len({tuple(frame) for frame in whole}) > 1
    for units in range(1, UNITS):
        assert codes(units) == whole
