"""Steps by pieces, as on a CPU: who comes in the midst of one does not wait for the rest, and nobody loses any."""

# Those of MLX are half unknown.
# pyright: reportUnknownMemberType=false, reportPrivateUsage=false

import mlx.core as mx
import numpy as np
import pytest
from msgspec.structs import replace

from app.inference.model import FinishReason, Lane, Utterance
from app.workers.synthesis.qwen3 import cost_model, generator
from app.workers.synthesis.qwen3.generator import Loop
from app.workers.synthesis.qwen3.model import Qwen3
from app.workers.synthesis.qwen3.sampling import Sampling, controls_of
from tests.support.speaking import Spoken, collect, finish, speak
from tests.workers.qwen3_checkpoints import LONGER, Models, endless, utterance

RENDERS = [endless(id=number, seed=number, max_seconds=2) for number in (1, 2, 3)]
RENDERS[1] = replace(RENDERS[1], text="∞ " + LONGER * 3, text_layout="beside")
LISTENER = utterance(LONGER, id=99, lane=Lane.SPEAK, seed=7)

#: Of the tiny talker's two layers at once, of each pass and of what the next step needs.
PIECES = 1 + 16 + 1


@pytest.fixture(scope="module")
def model(models: Models) -> Qwen3:
    return Qwen3.load(models.folder(type="custom_voice", size="1b7"), max_rows=8)


@pytest.fixture(scope="module")
def alone(model: Qwen3) -> dict[int, bytes]:
    return {one.id: speak(model, one).pcm for one in (*RENDERS, LISTENER)}


@pytest.fixture(autouse=True)
def a_piece_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generator, "TICK_S", 0.0)


@pytest.fixture(params=["rest", "go on"])
def renders(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What renders do while somebody listens."""
    monkeypatch.setattr(cost_model, "REAL_TIME_SHARE", 0.0 if request.param == "rest" else 1e9)
    return request.param


def left(of: Loop) -> int:
    """Pieces of the step at work that have not been launched."""
    return 0 if of._asked is None else len(of._asked.step._pieces)


def said(model: Qwen3, wanted: list[Utterance]) -> list[int]:
    return [model._rows[one.id].said for one in wanted]


@pytest.mark.parametrize(
    "pieces", [pytest.param(n, marks=() if n in (1, 9, PIECES - 1) else pytest.mark.long) for n in range(1, PIECES)]
)
def test_who_comes_in_the_midst_of_a_step_does_not_wait_for_its_rest(
    model: Qwen3, alone: dict[int, bytes], renders: str, pieces: int
) -> None:
    spoken: dict[int, Spoken] = {}
    model.add(RENDERS)
    while len(model._rows) < 3 or min(said(model, RENDERS)) < 3 or left(model._loop) != pieces:
        collect(spoken, model.step())
    before = said(model, RENDERS)

    model.add([LISTENER])
    collect(spoken, model.step())  # it is a row now, and the tick begins anew for it
    assert model._rows[LISTENER.id].slot is not None
    assert said(model, RENDERS) == before
    while not spoken.get(LISTENER.id, Spoken()).pcm:
        collect(spoken, model.step())
    rested = said(model, RENDERS) == before
    finish(model, spoken)

    assert rested == (renders == "rest")
    assert {id: one.pcm for id, one in spoken.items()} == alone


def test_samples_of_renders_wait_for_somebodys_first(model: Qwen3, alone: dict[int, bytes], renders: str) -> None:
    spoken: dict[int, Spoken] = {}
    model.add(RENDERS)
    voicing = model._loop._voicing
    while Lane.RENDER not in voicing._at_work or not left(model._loop):
        collect(spoken, model.step())
    stretch = voicing._at_work[Lane.RENDER]
    pieces = len(stretch.pieces)

    model.add([LISTENER])
    while not spoken.get(LISTENER.id, Spoken()).pcm:
        collect(spoken, model.step())
        assert len(stretch.pieces) == pieces
    finish(model, spoken)

    assert {id: one.pcm for id, one in spoken.items()} == alone


def test_a_renders_samples_that_have_to_wait_keep_no_listeners_waiting(
    model: Qwen3, alone: dict[int, bytes], renders: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is heard already, beside another whose prompt is long."""
    monkeypatch.setattr(model._loop._pace, "_position_s", 1.0)  # it goes in by small pieces
    heard = endless(id=98, seed=4, lane=Lane.SPEAK, max_seconds=1)
    spoken: dict[int, Spoken] = {}
    model.add(RENDERS)
    voicing = model._loop._voicing
    while Lane.RENDER not in voicing._at_work or not left(model._loop):
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


def test_a_step_that_nobody_needs_any_more_keeps_nobody_waiting(
    model: Qwen3, alone: dict[int, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost_model, "REAL_TIME_SHARE", 0.0)
    spoken: dict[int, Spoken] = {}
    model.add([*RENDERS, endless(id=5, lane=Lane.SPEAK)])
    while 5 not in spoken or not spoken[5].pcm or left(model._loop) < PIECES - 2:
        collect(spoken, model.step())
    assert all(model._rows[one.id].slot is None for one in RENDERS)

    model.cancel(5)
    for _ in range(2):  # the last word on it, and the tick
        collect(spoken, model.step())

    assert all(model._rows[one.id].slot is not None for one in RENDERS)
    finish(model, spoken)
    assert spoken[5].reason is FinishReason.CANCELED
    assert {one.id: spoken[one.id].pcm for one in RENDERS} == {one.id: alone[one.id] for one in RENDERS}


def test_who_finds_no_room_keeps_nobody_from_going_on(model: Qwen3) -> None:
    listeners = [endless(id=number, lane=Lane.SPEAK, max_seconds=0.24) for number in range(1, 13)]
    model.add(listeners)
    spoken: dict[int, Spoken] = {}
    for _ in range(2_000):
        collect(spoken, model.step())

    assert {id: one.reason for id, one in spoken.items()} == {one.id: FinishReason.LENGTH for one in listeners}


def test_what_is_canceled_in_the_midst_of_its_first_step_leaves_nothing(model: Qwen3) -> None:
    for pieces in range(1, PIECES):
        model.add([endless(id=1)])
        while left(model._loop) != pieces:
            model.step()
        model.cancel(1)
        model.step()
        assert (model._loop.rows, model._loop._asked, model.step()) == (0, None, [])


def test_keys_and_values_are_written_in_place(model: Qwen3) -> None:
    """Although a step remembers what it began with: a copy of a long row's would take longer than its frame."""
    talker = model._loop._talker
    slots = talker.slots()
    slots.fit(8, 4_000)
    sampling, mode = controls_of([Sampling(1, 0.0, 0, 1.0, 1.0, 0)] * 8)
    mx.eval(slots.keys, slots.values, slots.x, slots.history, sampling)
    of_all = sum(array.nbytes for array in (*slots.keys, *slots.values))
    mx.reset_peak_memory()
    before = mx.get_active_memory()

    step = talker.step(slots, mx.array([3_000] * 8), mx.array([9] * 8), sampling, mode)
    while not step.launched:
        step.launch()
    mx.eval(step.codes)

    assert mx.get_peak_memory() - before < of_all / 2


def test_a_step_that_is_forgotten_is_the_same_when_it_is_taken_again(model: Qwen3) -> None:
    talker = model._loop._talker
    controls, mode = controls_of([Sampling(1, 0.9, 50, 1.0, 1.05, 0)])

    def codes(forgotten: int) -> list[list[int]]:
        slots = talker.slots()
        slots.fit(1, 20)
        found: list[list[int]] = []
        for frame in range(4):
            for pieces in (forgotten, PIECES):
                step = talker.step(slots, mx.array([frame]), mx.array([frame]), controls, mode)
                for _ in range(pieces):
                    step.launch()
                if step.launched:
                    found.append(np.array(step.codes)[0].tolist())
                else:
                    step.forget()
        return found

    whole = codes(0)
    assert len({tuple(frame) for frame in whole}) > 1
    for pieces in range(1, PIECES):
        assert codes(pieces) == whole
