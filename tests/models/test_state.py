"""Every state of a worker with every event, in a table that people can read, and what must hold of all of it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models.worker.state import LOADED, Effect, WorkerEvent, WorkerState, transition

#: `state event: new-state effects`, or `-` where nothing happens.
TABLE = Path(__file__).with_name("worker_states.txt")

#: With these the worker may be sent something, or told something that it has to be alive for.
TALK = {Effect.DISPATCH, Effect.ANNOUNCE}

PAIRS = [(state, event) for state in WorkerState for event in WorkerEvent]


def row(state: WorkerState, event: WorkerEvent) -> str:
    after, effects = transition(state, event)
    done = "-" if (after, effects) == (state, ()) else " ".join([after, *effects])
    return f"{state} {event}: {done}"


def test_the_table_is_what_the_reducer_does() -> None:
    assert TABLE.read_text().splitlines() == [row(state, event) for state, event in PAIRS]


@pytest.mark.parametrize("state", WorkerState)
def test_a_worker_that_should_stop_is_stopped_once_its_process_is_gone(state: WorkerState) -> None:
    after, _ = transition(transition(state, WorkerEvent.STOP).state, WorkerEvent.EXITED)

    assert after is WorkerState.STOPPED


@given(st.lists(st.sampled_from(WorkerEvent)))
def test_whatever_happens_takes_are_sent_to_a_ready_worker_alone(events: list[WorkerEvent]) -> None:
    state = WorkerState.STOPPED
    for event in events:
        state, effects = transition(state, event)
        assert not TALK & set(effects) or state is WorkerState.READY


@given(st.lists(st.sampled_from(WorkerEvent)))
def test_whatever_happens_a_worker_that_leaves_with_takes_gives_them_back_once(events: list[WorkerEvent]) -> None:
    state = WorkerState.STOPPED
    for event in events:
        before, (state, effects) = state, transition(state, event)
        returned = sum(effect in (Effect.TAKE_BACK, Effect.BLAME) for effect in effects)
        assert returned == (before in LOADED and state not in LOADED)


@given(st.lists(st.sampled_from(WorkerEvent)))
def test_whatever_happens_whoever_waits_for_the_model_is_told_when_it_becomes_ready(
    events: list[WorkerEvent],
) -> None:
    state = WorkerState.STOPPED
    for event in events:
        before, (state, effects) = state, transition(state, event)
        if state is WorkerState.READY and before is not WorkerState.READY:
            assert Effect.ANNOUNCE in effects
