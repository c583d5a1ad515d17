"""Supervises the worker process of one model, as its users see that: takes are submitted and canceled, the model is
loaded and unloaded. How the process comes and goes is in `runner.py`.
"""

import asyncio
from collections.abc import Sequence

from app.inference import wire
from app.inference.model import Utterance
from app.inference.processor import Processor
from app.models.worker.dispatch import Dispatcher
from app.models.worker.load_requests import LoadRequests
from app.models.worker.residency import ModelResidency, ResidencyPolicy
from app.models.worker.runner import WorkerRunner, WorkerTimes
from app.models.worker.state import LOADED, WorkerState
from app.models.worker.take import Take
from app.process.waiting import end_task


class WorkerSupervisor:
    """One worker at a time for one model. Belongs to the event loop; entering it starts the task that supervises.

    `ping_s` is how often a busy worker is asked, `answer_s` how long it may be silent, `start_s` how long loading
    may take, all in seconds. `wakeup` is set whenever there may be a free slot for another utterance. Without a
    `residency` the model is in memory beside any other.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        idle_unload_s: float,
        ping_s: float = 5.0,
        answer_s: float = 30.0,
        start_s: float = 120.0,
        retry_s: float = 2.0,
        model_id: str = "",
        residency: ModelResidency | None = None,
        policy: ResidencyPolicy | None = None,
        wakeup: asyncio.Event | None = None,
    ) -> None:
        policy, wakeup = policy or ResidencyPolicy(), wakeup or asyncio.Event()
        self._dispatcher, self._loads = Dispatcher(policy, wakeup), LoadRequests()
        self._runner = WorkerRunner(
            command,
            WorkerTimes(idle_unload_s, ping_s, answer_s, start_s, retry_s),
            self._dispatcher,
            self._loads,
            model_id=model_id,
            residency=residency or ModelResidency(),
            policy=policy,
            wakeup=wakeup,
        )
        self._task: asyncio.Task[None] | None = None
        self.model_id = model_id

    async def __aenter__(self) -> "WorkerSupervisor":
        self._task = asyncio.create_task(self._runner.run(), name="worker supervisor")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop the worker and start no other; takes that have not ended never end."""
        await end_task(self.task)

    @property
    def task(self) -> "asyncio.Task[None]":
        """The task that supervises; it ends only with `close`, or by a mistake in it."""
        assert self._task is not None
        return self._task

    @property
    def free_slots(self) -> int:
        """How many more utterances of lane `render` the model can have in work."""
        ready = self._runner.ready
        return (ready.capacity if ready else 1) - self._dispatcher.renders

    @property
    def speaking(self) -> int:
        """How many utterances the worker has."""
        return self._dispatcher.speaking

    @property
    def starts(self) -> int:
        """How many workers have been started."""
        return self._runner.starts

    @property
    def losses(self) -> int:
        """How many of them have crashed or hung."""
        return self._runner.losses

    @property
    def loaded(self) -> bool:
        """The model is in memory."""
        return self._runner.state in LOADED

    @property
    def loading(self) -> bool:
        """A worker is loading the model, or is being replaced. False while there is none, and memory is awaited."""
        return self._runner.state in (WorkerState.STARTING, WorkerState.STOPPING) and self._runner.has_work

    @property
    def load_error(self) -> str:
        """Why the model could not be loaded, until somebody asks for it to be loaded again; else empty."""
        return self._loads.error

    @property
    def processor(self) -> Processor | None:
        """What the model computes on, as the last worker said; None before."""
        return self._runner.ready.processor if self._runner.ready else None

    @property
    def worker_pid(self) -> int | None:
        """The process that has the model, if one runs."""
        return self._runner.worker_pid

    def submit(self, utterance: Utterance, *, after: Take | None = None) -> Take:
        """Have an utterance spoken, under a new id; until `after`, heard before it, has ended, it can wait."""
        take = self._dispatcher.add(utterance, after=after)
        self._runner.note_work()
        self._runner.dispatch()
        return take

    def cancel(self, take: Take) -> None:
        """Stop a take: it ends at the model's next step, or at once when the model does not have it."""
        if take.ended or take.canceled:
            return
        self._dispatcher.cancel(take)
        if not take.ended:
            self._runner.send(wire.Cancel(take.utterance.id))

    async def load(self) -> None:
        """Have the model loaded, and wait for it. Raises `ModelNotReady`."""
        self._loads.error = ""
        if self._runner.state is not WorkerState.READY:
            loaded = self._loads.add()
            self._runner.note_work()
            await loaded

    def unload(self) -> bool:
        """Stop the worker, once it has loaded; False when it has work. What is submitted now waits for the next."""
        if self._runner.has_work:
            return False
        self._runner.stop()
        return True

    async def wait_stopped(self) -> None:
        """Wait until the worker is gone, if there is one."""
        await self._runner.wait_stopped()

    def kill_worker(self) -> None:
        """Kill the worker without asking it to end."""
        self._runner.kill()
