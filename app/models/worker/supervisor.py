"""Supervises the worker process of one model: starts it on first use, sends it takes, stops it when it is idle, and
starts another when it dies or hangs.

Decisions are made by classes that know no process: `state.py` (what state the worker is in), `dispatch.py` (which
takes it may have now), `watchdog.py` (does it hang?) and `residency.py` (may its model be in memory?).
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress

from app.errors import ModelNotReady
from app.inference import wire
from app.inference.model import Utterance
from app.inference.processor import Processor
from app.models.worker.dispatch import Dispatcher
from app.models.worker.load_requests import LoadRequests
from app.models.worker.process import LOST, LoadError, WorkerLost, WorkerProcess
from app.models.worker.residency import Demand, ModelResidency, ResidencyPolicy, Verdict
from app.models.worker.state import LOADED, Effect, WorkerEvent, WorkerState, transition
from app.models.worker.take import Take
from app.models.worker.watchdog import Watchdog, WorkerHealth

#: After this many failed starts in a row, everything that waits for the model is refused.
MAX_FAILED_STARTS = 3

_EVENTS = {Verdict.KEEP: WorkerEvent.KEEP, Verdict.DRAIN: WorkerEvent.DRAIN, Verdict.STOP: WorkerEvent.STOP}

logger = logging.getLogger(__name__)


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
        model_id: str = "",
        residency: ModelResidency | None = None,
        policy: ResidencyPolicy | None = None,
        wakeup: asyncio.Event | None = None,
    ) -> None:
        self._command, self._model_id = tuple(command), model_id
        self._idle_unload_s, self._ping_s, self._answer_s, self._start_s = idle_unload_s, ping_s, answer_s, start_s
        self._residency, self._policy = residency or ModelResidency(), policy or ResidencyPolicy()
        self._wakeup = wakeup or asyncio.Event()
        self._dispatcher, self._loads = Dispatcher(self._policy, self._wakeup), LoadRequests()
        self._state = WorkerState.STOPPED
        self._process: WorkerProcess | None = None  #: None when the state is STOPPED
        self._ready: wire.Ready | None = None  #: what the last worker said of its model
        self._failed_starts = 0
        self._work = asyncio.Event()  #: there may be something to start a worker for
        self._stopped = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "WorkerSupervisor":
        self._task = asyncio.create_task(self._supervise(), name="worker supervisor")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop the worker and start no other; takes that have not ended never end."""
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task

    @property
    def task(self) -> "asyncio.Task[None]":
        """The task that supervises; it ends only with `close`, or by a mistake in it."""
        assert self._task is not None
        return self._task

    @property
    def free_slots(self) -> int:
        """How many more utterances of lane `render` the model can have in work."""
        return (self._ready.capacity if self._ready else 1) - self._dispatcher.renders

    @property
    def loaded(self) -> bool:
        """The model is in memory."""
        return self._state in LOADED

    @property
    def loading(self) -> bool:
        """A worker is loading the model, or is being replaced. False while there is none, and memory is awaited."""
        return self._state in (WorkerState.STARTING, WorkerState.STOPPING) and self._has_work

    @property
    def load_error(self) -> str:
        """Why the model could not be loaded, until somebody asks for it to be loaded again; else empty."""
        return self._loads.error

    @property
    def processor(self) -> Processor | None:
        """What the model computes on, as the last worker said; None before."""
        return self._ready.processor if self._ready else None

    @property
    def worker_pid(self) -> int | None:
        """The process that has the model, if one runs."""
        return self._process.pid if self._process is not None else None

    def submit(self, utterance: Utterance, *, after: Take | None = None) -> Take:
        """Have an utterance spoken, under a new id; until `after`, heard before it, has ended, it can wait."""
        take = self._dispatcher.add(utterance, after=after)
        self._note_work()
        self._dispatch()
        return take

    def cancel(self, take: Take) -> None:
        """Stop a take: it ends at the model's next step, or at once when the model does not have it."""
        if take.ended or take.canceled:
            return
        self._dispatcher.cancel(take)
        if not take.ended:
            self._send(wire.Cancel(take.utterance.id))

    async def load(self) -> None:
        """Have the model loaded, and wait for it. Raises `ModelNotReady`."""
        self._loads.error = ""
        if self._state is not WorkerState.READY:
            loaded = self._loads.add()
            self._note_work()
            await loaded

    def unload(self) -> bool:
        """Stop the worker, once it has loaded; False when it has work. What is submitted now waits for the next."""
        if self._has_work:
            return False
        self._apply(WorkerEvent.STOP)
        self._residency.notify()
        return True

    async def wait_stopped(self) -> None:
        """Wait until the worker is gone, if there is one."""
        if self._state is not WorkerState.STOPPED:
            self._stopped.clear()
            await self._stopped.wait()

    def kill_worker(self) -> None:
        """Kill the worker without asking it to end."""
        if self._process is not None:
            self._process.kill()

    async def _supervise(self) -> None:
        """Have a worker whenever there is work, and none when there has been none for a while."""
        while True:
            await self._work.wait()
            async with self._residency.hold(self._demand):
                self._policy.begin()
                try:
                    if self._has_work:  # all of it may have been canceled by now
                        await self._run_worker()
                except LOST as error:
                    why = str(error) or type(error).__name__
                    logger.warning("worker %s is lost: %s", self.worker_pid, why)
                    self._apply(WorkerEvent.LOST, why)
                finally:
                    await self._stop_worker()
            if not self._has_work:
                self._work.clear()

    async def _run_worker(self) -> None:
        """Start a worker and look after it until it has to be stopped. Raises one of `LOST` when it is lost."""
        self._process = process = await WorkerProcess.start(self._command)
        self._apply(WorkerEvent.SPAWNED)
        logger.info("worker %d started", process.pid)
        try:
            self._ready = await process.wait_ready(self._start_s)
        except LoadError as error:
            self._apply(WorkerEvent.LOAD_FAILED, str(error))
            return
        if warning := self._ready.processor.warning:
            logger.warning("%s", warning)
        self._apply(WorkerEvent.LOADED)
        watchdog = Watchdog(time.monotonic(), answer_s=self._answer_s, idle_s=self._idle_unload_s)
        reader = asyncio.create_task(self._read(process, watchdog), name="worker reader")
        try:
            await self._watch(watchdog, reader)
        finally:
            reader.cancel()
            with suppress(asyncio.CancelledError, *LOST):
                await reader

    async def _stop_worker(self) -> None:
        self._apply(WorkerEvent.STOP)
        if self._process is not None:
            try:
                await self._process.stop()
            finally:
                self._process = None
                self._apply(WorkerEvent.EXITED)
                self._stopped.set()

    async def _read(self, process: WorkerProcess, watchdog: Watchdog) -> None:
        while True:
            message = await process.receive()
            watchdog.note_message(time.monotonic())
            if isinstance(message, wire.Frames) and self._dispatcher.deliver(message.frames):
                self._dispatch()
                if self._state is WorkerState.DRAINING or not self._dispatcher.activity.busy:
                    self._residency.notify()  # to `_watch`: perhaps it must stop now

    async def _watch(self, watchdog: Watchdog, reader: "asyncio.Task[None]") -> None:
        """Return when the worker has to be stopped, raise when it is lost."""
        while True:
            await self._wait_for_change(reader)
            activity = self._dispatcher.activity
            self._apply(_EVENTS[self._policy.decide(self._residency.demand, activity)])
            if self._state not in LOADED:
                logger.info("worker %s is stopped, to free its memory", self.worker_pid)
                return
            health = watchdog.check(time.monotonic(), busy=activity.busy)
            if health is WorkerHealth.HUNG:
                raise WorkerLost(f"it has not answered for {self._answer_s:.1f} s")
            if health is WorkerHealth.IDLE:
                logger.info("worker %s has been idle for %.0f s", self.worker_pid, self._idle_unload_s)
                self._apply(WorkerEvent.STOP)  # what is submitted from here on waits for the next one
                return
            if activity.busy:
                self._send(wire.Ping())

    async def _wait_for_change(self, reader: "asyncio.Task[None]") -> None:
        """Wait until there may be something to decide. Raises what the reader ended with."""
        patience = min(self._ping_s, self._idle_unload_s)
        if self._residency.demand:
            patience = min(patience, self._policy.recheck_s)
        changed = asyncio.ensure_future(self._residency.wait_changed())
        try:
            await asyncio.wait({reader, changed}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        finally:
            changed.cancel()
        if reader.done():
            reader.result()

    def _apply(self, event: WorkerEvent, why: str = "") -> None:
        """Go to the next state and do what has to be done."""
        self._state, effects = transition(self._state, event)
        for effect in effects:
            match effect:
                case Effect.ANNOUNCE:
                    self._failed_starts = 0
                    self._loads.succeed()
                    self._wakeup.set()
                case Effect.DISPATCH:
                    self._dispatch()
                case Effect.TAKE_BACK:
                    self._dispatcher.take_back()
                case Effect.BLAME:
                    self._dispatcher.blame(why)
                case Effect.COUNT_FAILED_START:
                    self._failed_starts += 1
                    if self._failed_starts >= MAX_FAILED_STARTS:
                        self._failed_starts = 0
                        self._refuse(f"the model's process does not start: {why}")
                case Effect.REFUSE:
                    self._refuse(why)

    def _refuse(self, why: str) -> None:
        self._dispatcher.refuse(ModelNotReady(why, model_id=self._model_id))
        self._loads.fail(ModelNotReady(why, model_id=self._model_id))

    def _dispatch(self) -> None:
        """Send the worker the takes that it may have now."""
        if self._state is WorkerState.READY and (takes := self._dispatcher.select_sendable()):
            self._send(wire.Add([take.utterance for take in takes]))

    def _send(self, message: wire.ToWorker) -> None:
        if self._process is not None and self._state in LOADED:
            self._process.send(message)

    def _note_work(self) -> None:
        self._work.set()
        self._residency.notify()

    @property
    def _has_work(self) -> bool:
        return self._dispatcher.activity.busy or self._loads.pending

    def _demand(self) -> Demand:
        """How urgently this model is needed in memory."""
        activity = self._dispatcher.activity
        if self._loads.pending or activity.listened_to:
            return Demand.NOW
        return Demand.SOON if activity.busy else Demand.NONE
