"""The state of a model's worker, as a reducer without processes, tasks and clocks: events go in, the next state and
what has to be done come out. `runner.py` carries that out.

Every pair of state and event is in tests/models/worker_states.txt.
"""

from enum import StrEnum
from typing import NamedTuple


class WorkerState(StrEnum):
    """Where the one worker process of a model is in its life."""

    STOPPED = "stopped"  #: there is no process
    STARTING = "starting"  #: there is a process, and it loads the model
    READY = "ready"  #: it speaks, and is given takes
    DRAINING = "draining"  #: it finishes what it is speaking and is given nothing more
    STOPPING = "stopping"  #: it is given nothing more and will be gone soon


class WorkerEvent(StrEnum):
    """What happens to a worker."""

    SPAWNED = "spawned"  #: there is a process
    LOADED = "loaded"  #: it says that the model is loaded
    LOAD_FAILED = "load-failed"  #: it says that the model cannot be loaded
    KEEP = "keep"  #: nobody else needs the memory now
    DRAIN = "drain"  #: somebody else does, once it has finished what it is speaking
    STOP = "stop"  #: it is idle, not wanted any more, or somebody else needs the memory at once
    LOST = "lost"  #: it could not be spawned, died, hangs or sends nonsense
    EXITED = "exited"  #: the process is gone


class Effect(StrEnum):
    """What has to be done about an event."""

    ANNOUNCE = "announce"  #: tell those who wait that the model is loaded
    DISPATCH = "dispatch"  #: send it the takes that it may have
    TAKE_BACK = "take-back"  #: the next worker speaks what this one has
    BLAME = "blame"  #: what it had is suspected of having killed it
    COUNT_FAILED_START = "count-failed-start"  #: try again, but not forever
    REFUSE = "refuse"  #: end all that waits for the model with an error


class Transition(NamedTuple):
    """The state after an event, and what has to be done, in this order."""

    state: WorkerState
    effects: tuple[Effect, ...] = ()


_S, _E = WorkerState, WorkerEvent

#: A pair that is not here changes nothing: the event comes too late, or too early.
_TRANSITIONS: dict[tuple[WorkerState, WorkerEvent], Transition] = {
    (_S.STOPPED, _E.SPAWNED): Transition(_S.STARTING),
    (_S.STOPPED, _E.LOST): Transition(_S.STOPPED, (Effect.COUNT_FAILED_START,)),
    (_S.STARTING, _E.LOADED): Transition(_S.READY, (Effect.ANNOUNCE, Effect.DISPATCH)),
    (_S.STARTING, _E.LOAD_FAILED): Transition(_S.STOPPING, (Effect.REFUSE,)),
    (_S.STARTING, _E.STOP): Transition(_S.STOPPING),
    (_S.STARTING, _E.LOST): Transition(_S.STOPPING, (Effect.COUNT_FAILED_START,)),
    (_S.READY, _E.KEEP): Transition(_S.READY, (Effect.DISPATCH,)),
    (_S.READY, _E.DRAIN): Transition(_S.DRAINING),
    (_S.READY, _E.STOP): Transition(_S.STOPPING, (Effect.TAKE_BACK,)),
    (_S.READY, _E.LOST): Transition(_S.STOPPING, (Effect.BLAME,)),
    (_S.DRAINING, _E.KEEP): Transition(_S.READY, (Effect.ANNOUNCE, Effect.DISPATCH)),
    (_S.DRAINING, _E.STOP): Transition(_S.STOPPING, (Effect.TAKE_BACK,)),
    (_S.DRAINING, _E.LOST): Transition(_S.STOPPING, (Effect.BLAME,)),
    (_S.STOPPING, _E.LOAD_FAILED): Transition(_S.STOPPING, (Effect.REFUSE,)),
    (_S.STOPPING, _E.EXITED): Transition(_S.STOPPED),
}

#: The model is in memory, and the worker can be talked to.
LOADED = frozenset({WorkerState.READY, WorkerState.DRAINING})


def transition(state: WorkerState, event: WorkerEvent) -> Transition:
    """What an event makes of a worker in this state."""
    return _TRANSITIONS.get((state, event), Transition(state))
