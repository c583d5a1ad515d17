"""Runs the worker process of one model: starts it when there is work, stops it when it is idle or its memory is
needed elsewhere, and starts another when it dies or hangs.

Decisions are made by classes that know no process: `state.py` (what state the worker is in), `dispatch.py` (which
takes it may have now), `watchdog.py` (does it hang?) and `residency.py` (may its model be in memory?).
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from app.errors import ModelNotReady
from app.inference import wire
from app.models.worker.dispatch import Dispatcher
from app.models.worker.load_requests import LoadRequests
from app.models.worker.process import LOST, LoadError, WorkerLost, WorkerProcess
from app.models.worker.residency import Demand, ModelResidency, ResidencyPolicy, Verdict
from app.models.worker.state import LOADED, Effect, WorkerEvent, WorkerState, transition
from app.models.worker.watchdog import Watchdog, WorkerHealth
from app.process.descriptors import are_exhausted
from app.process.waiting import end_task

#: After this many failed starts in a row, everything that waits for the model is refused.
MAX_FAILED_STARTS = 3

_EVENTS = {Verdict.KEEP: WorkerEvent.KEEP, Verdict.DRAIN: WorkerEvent.DRAIN, Verdict.STOP: WorkerEvent.STOP}

logger = logging.getLogger(__name__)


class WorkerTimes(NamedTuple):
    """How patient a runner is, in seconds."""

    idle_unload_s: float  #: a worker that has had nothing to do for this long is stopped
    ping_s: float  #: how often a busy worker is asked
    answer_s: float  #: how long it may be silent
    start_s: float  #: how long loading may take
    retry_s: float  #: how often it is tried to start one while too many files are open


class WorkerRunner:
    """One worker at a time for one model. Belongs to the event loop; `run` is the task that looks after it.

    `wakeup` is set whenever there may be a free slot for another utterance.
    """

    def __init__(
        self,
        command: Sequence[str],
        times: WorkerTimes,
        dispatcher: Dispatcher,
        loads: LoadRequests,
        *,
        model_id: str,
        residency: ModelResidency,
        policy: ResidencyPolicy,
        wakeup: asyncio.Event,
    ) -> None:
        self._command, self._times, self._model_id = tuple(command), times, model_id
        self._dispatcher, self._loads = dispatcher, loads
        self._residency, self._policy, self._wakeup = residency, policy, wakeup
        self.state = WorkerState.STOPPED
        self.ready: wire.Ready | None = None  #: what the last worker said of its model
        self._process: WorkerProcess | None = None  #: None when the state is STOPPED
        self.starts = self.losses = 0  #: how many workers have been started, and how many of them lost
        self._failed_starts = 0
        self._work = asyncio.Event()  #: there may be something to start a worker for
        self._stopped = asyncio.Event()

    @property
    def has_work(self) -> bool:
        """There are takes that have not ended, or requests to load the model."""
        return self._dispatcher.activity.busy or self._loads.pending

    @property
    def worker_pid(self) -> int | None:
        """The process that has the model, if one runs."""
        return self._process.pid if self._process is not None else None

    def note_work(self) -> None:
        """There may be something to start a worker for, or a more urgent need of its memory."""
        self._work.set()
        self._residency.notify()

    def stop(self) -> None:
        """Stop the worker, once it has loaded; what is submitted now waits for the next."""
        self._apply(WorkerEvent.STOP)
        self._residency.notify()

    async def wait_stopped(self) -> None:
        """Wait until the worker is gone, if there is one."""
        if self.state is not WorkerState.STOPPED:
            self._stopped.clear()
            await self._stopped.wait()

    def kill(self) -> None:
        """Kill the worker without asking it to end."""
        if self._process is not None:
            self._process.kill()

    def dispatch(self) -> None:
        """Send the worker the takes that it may have now."""
        if self.state is WorkerState.READY and (takes := self._dispatcher.select_sendable()):
            self.send(wire.Add([take.utterance for take in takes]))

    def send(self, message: wire.ToWorker) -> None:
        """Tell the worker something, if it is there to be told."""
        if self._process is not None and self.state in LOADED:
            self._process.send(message)

    async def run(self) -> None:
        """Have a worker whenever there is work, and none when there has been none for a while."""
        while True:
            await self._work.wait()
            async with self._residency.hold(self._demand):
                self._policy.begin()
                try:
                    if self.has_work:  # all of it may have been canceled by now
                        await self._run_worker()
                except LOST as error:
                    why = str(error) or type(error).__name__
                    logger.warning("worker %s is lost: %s", self.worker_pid, why)
                    self.losses += 1
                    self._apply(WorkerEvent.LOST, why)
                finally:
                    await self._stop_worker()
            if not self.has_work:
                self._work.clear()

    async def _run_worker(self) -> None:
        """Start a worker and look after it until it has to be stopped. Raises one of `LOST` when it is lost."""
        self._process = process = await self._start_process()
        self._apply(WorkerEvent.SPAWNED)
        self.starts += 1
        logger.info("worker %d started", process.pid)
        try:
            self.ready = await process.wait_ready(self._times.start_s)
        except LoadError as error:
            self._apply(WorkerEvent.LOAD_FAILED, str(error))
            return
        if warning := self.ready.processor.warning:
            logger.warning("%s", warning)
        self._apply(WorkerEvent.LOADED)
        watchdog = Watchdog(time.monotonic(), answer_s=self._times.answer_s, idle_s=self._times.idle_unload_s)
        reader = asyncio.create_task(self._read(process, watchdog), name="worker reader")
        try:
            await self._watch(watchdog, reader)
        finally:
            with suppress(*LOST):
                await end_task(reader)

    async def _start_process(self) -> WorkerProcess:
        """Start the process, as soon as there are descriptors for its pipes. Raises OSError."""
        waits = False
        while True:
            try:
                return await WorkerProcess.start(self._command)
            except OSError as error:
                if not are_exhausted(error) or not self.has_work:
                    raise
                if not waits:
                    logger.warning("the worker waits: %s", error.strerror)
                waits = True
            await asyncio.sleep(self._times.retry_s)

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
                self.dispatch()
                if self.state is WorkerState.DRAINING or not self._dispatcher.activity.busy:
                    self._residency.notify()  # to `_watch`: perhaps it must stop now

    async def _watch(self, watchdog: Watchdog, reader: "asyncio.Task[None]") -> None:
        """Return when the worker has to be stopped, raise when it is lost."""
        while True:
            await self._wait_for_change(reader)
            activity = self._dispatcher.activity
            self._apply(_EVENTS[self._policy.decide(self._residency.demand, activity)])
            if self.state not in LOADED:
                logger.info("worker %s is stopped, to free its memory", self.worker_pid)
                return
            health = watchdog.check(time.monotonic(), busy=activity.busy)
            if health is WorkerHealth.HUNG:
                raise WorkerLost(f"it has not answered for {self._times.answer_s:.1f} s")
            if health is WorkerHealth.IDLE:
                logger.info("worker %s has been idle for %.0f s", self.worker_pid, self._times.idle_unload_s)
                self._apply(WorkerEvent.STOP)  # what is submitted from here on waits for the next one
                return
            if activity.busy:
                self.send(wire.Ping())

    async def _wait_for_change(self, reader: "asyncio.Task[None]") -> None:
        """Wait until there may be something to decide. Raises what the reader ended with."""
        patience = min(self._times.ping_s, self._times.idle_unload_s)
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
        self.state, effects = transition(self.state, event)
        for effect in effects:
            match effect:
                case Effect.ANNOUNCE:
                    self._failed_starts = 0
                    self._loads.succeed()
                    self._wakeup.set()
                case Effect.DISPATCH:
                    self.dispatch()
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

    def _demand(self) -> Demand:
        """How urgently this model is needed in memory."""
        activity = self._dispatcher.activity
        if self._loads.pending or activity.listened_to:
            return Demand.NOW
        return Demand.SOON if activity.busy else Demand.NONE
