"""The engine's side of the pipe: starts the worker on first use, feeds it, ends it when idle, and starts it again
when it dies or stops answering. Knows utterances and takes; nothing of jobs, chunks or files.

Every utterance that a dying worker had is a suspect and is spoken alone from then on, so that the one that kills
it is found; after three workers it is quarantined, and its take fails.

Pools of large models share a turn. Who holds it lets go for somebody who listens to another model at once, and its
renders are spoken again later; for other renders it lets go after a while, between two chunks.
"""

import asyncio
import itertools
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType

import msgspec
from msgspec import DecodeError

from app.errors import InferenceFailed, ModelNotReady
from app.inference import wire
from app.inference.model import FinishReason, Lane, Utterance
from app.inference.processor import Processor
from app.models.worker.process import WorkerLost, WorkerProcess
from app.models.worker.residency import Demand, Next, Tenure, Turn
from app.models.worker.take import Take

KILLS_ALLOWED = 3
STARTS_ALLOWED = 3

logger = logging.getLogger(__name__)


class Pool:
    """Belongs to the event loop. One worker at a time; entering starts the task that looks after it.

    `ping_s` is how often a busy worker is asked, `answer_s` how long it may be silent, `start_s` how long loading
    may take, all in seconds. `wakeup` is set whenever there may be room for another utterance.
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
        turn: Turn | None = None,
        tenure: Tenure | None = None,
        wakeup: asyncio.Event | None = None,
    ) -> None:
        self._command, self._model_id = tuple(command), model_id
        self._turn = turn or Turn()
        self._tenure = tenure or Tenure()
        self._giving_way = False  #: nothing more is sent to this worker
        self._leaving = False  #: this worker is to end
        self._loads: list[asyncio.Future[None]] = []
        self._idle_unload_s = idle_unload_s
        self._ping_s, self._answer_s, self._start_s = ping_s, answer_s, start_s
        self._takes: dict[int, Take] = {}
        self._capacity = 1
        self._processor: Processor | None = None
        self._process: WorkerProcess | None = None
        self._ready = False
        self._heard_at = 0.0
        self._work = asyncio.Event()
        self._failed_starts = 0
        self._keeper: asyncio.Task[None] | None = None
        self._gone = asyncio.Event()
        self._wakeup = wakeup or asyncio.Event()
        self._ids = itertools.count(1)
        self._load_error = ""

    async def __aenter__(self) -> "Pool":
        self._keeper = asyncio.create_task(self._keep(), name="pool")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._keeper is not None
        self._keeper.cancel()
        with suppress(asyncio.CancelledError):
            await self._keeper

    @property
    def keeper(self) -> asyncio.Task[None]:
        """The task that looks after the worker; it ends only with the pool."""
        assert self._keeper is not None
        return self._keeper

    def kill_worker(self) -> None:
        """End the worker without asking it, because it does not answer."""
        if self._process is not None:
            self._process.kill()

    @property
    def load_error(self) -> str:
        """Why the model could not be loaded, until somebody asks for it to be loaded again; else empty."""
        return self._load_error

    @property
    def room(self) -> int:
        """How many more utterances of lane `render` the model can have in work."""
        renders = sum(take.utterance.lane is Lane.RENDER for take in self._takes.values())
        return self._capacity - renders

    async def load(self) -> None:
        """Have the model loaded, and wait for it. Raises `ModelNotReady`."""
        self._load_error = ""
        if self._ready and not self._giving_way:
            return
        loaded = asyncio.get_running_loop().create_future()
        self._loads.append(loaded)
        self._wake()
        try:
            await loaded
        finally:
            if loaded in self._loads:
                self._loads.remove(loaded)

    def unload(self) -> bool:
        """End the worker now; False when it has work."""
        if self._takes or self._loads:
            return False
        self._ready, self._leaving = False, True  # what is submitted from here on waits for the next one
        self._turn.tell()
        return True

    async def unloaded(self) -> None:
        """Wait until there is no worker."""
        while self._process is not None:
            self._gone.clear()
            await self._gone.wait()

    @property
    def loaded(self) -> bool:
        """The model is in memory."""
        return self._ready

    @property
    def loading(self) -> bool:
        """The model is on its way into memory."""
        return self._process is not None and not self._ready and bool(self._loads or self._takes)

    @property
    def processor(self) -> Processor | None:
        """What the model computes on, as the last worker said; None before."""
        return self._processor

    @property
    def worker_pid(self) -> int | None:
        """The process that has the model, if one runs."""
        return self._process.pid if self._process is not None else None

    def submit(self, utterance: Utterance, *, after: Take | None = None) -> Take:
        """Have an utterance spoken, under an id that it is given here. `after` is what is heard before it: until
        that has ended, this one can wait.
        """
        after_id = after.utterance.id if after is not None else 0
        numbered = msgspec.structs.replace(utterance, id=next(self._ids), after=after_id)
        take = self._takes[numbered.id] = Take(numbered)
        self._wake()
        self._feed()
        return take

    def cancel(self, take: Take) -> None:
        """Stop a take: it ends at the model's next step, or at once when the model does not have it."""
        if take.ended or take.canceled:
            return
        take.canceled = True
        if take.sent:
            self._send(wire.Cancel(take.utterance.id))
        else:
            self._end(take, FinishReason.CANCELED)

    async def _keep(self) -> None:
        """Have a worker whenever there is work, and none when there has been none for a while."""
        while True:
            await self._work.wait()
            async with self._turn.held(self._wish):
                self._tenure.begin()
                self._giving_way = self._leaving = False
                try:
                    if self._takes or self._loads:  # all of it may have been canceled by now
                        await self._one_worker()
                except (WorkerLost, OSError, DecodeError, ValueError) as error:
                    self._lost(str(error) or type(error).__name__)
                finally:
                    await self._stop_worker()
            if not self._takes and not self._loads:
                self._work.clear()

    def _wake(self) -> None:
        self._work.set()
        self._turn.tell()

    def _wish(self) -> Demand:
        """How much this pool wants the turn."""
        if self._loads or any(take.utterance.lane is Lane.SPEAK for take in self._takes.values()):
            return Demand.NOW
        return Demand.SOON if self._takes else Demand.NO

    async def _one_worker(self) -> None:
        """Start a worker and serve it until it has been idle for long enough."""
        self._process = process = await WorkerProcess.start(self._command)
        logger.info("worker %d started", process.pid)
        async with asyncio.timeout(self._start_s):
            hello = await process.receive()
        if isinstance(hello, wire.Broken):
            self._refuse_all(hello.message)
            return
        if not isinstance(hello, wire.Ready):
            raise WorkerLost(f"it said {type(hello).__name__} before it was ready")
        self._failed_starts = 0
        self._capacity, self._processor, self._ready = hello.capacity, hello.processor, True
        if hello.processor.warning:
            logger.warning("%s", hello.processor.warning)
        for loaded in self._loads:
            if not loaded.done():
                loaded.set_result(None)
        self._loads.clear()
        self._feed()
        self._wakeup.set()
        reader = asyncio.create_task(self._read(process), name="pool reader")
        try:
            await self._watch(reader)
        finally:
            reader.cancel()
            with suppress(asyncio.CancelledError, WorkerLost, OSError, DecodeError, ValueError):
                await reader

    async def _watch(self, reader: asyncio.Task[None]) -> None:
        """Return when the worker is idle or gives way, raise when it is lost."""
        idle_since = self._heard_at = time.monotonic()
        while True:
            await self._happening(reader)
            if self._gives_way():
                return
            now = time.monotonic()
            if self._takes:
                idle_since = now
                if now - self._heard_at > self._answer_s:
                    raise WorkerLost(f"it has not answered for {now - self._heard_at:.1f} s")
                self._send(wire.Ping())
            else:
                self._heard_at = now
                if now - idle_since >= self._idle_unload_s:
                    logger.info("worker %s has been idle for %.0f s", self.worker_pid, now - idle_since)
                    # From here on nothing is sent to it; what is submitted now waits for the next one.
                    self._ready = False
                    return

    async def _happening(self, reader: asyncio.Task[None]) -> None:
        """Wait until there may be something to decide. Raises what the reader ended with."""
        patience = min(self._ping_s, self._idle_unload_s)
        if self._turn.wanted:
            patience = min(patience, self._tenure.patience_s)
        news = asyncio.ensure_future(self._turn.news())
        try:
            await asyncio.wait({reader, news}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()
        if reader.done():
            reader.result()

    def _gives_way(self) -> bool:
        """Whether to end this worker, for the sake of another model or because somebody said so."""
        takes = self._takes.values()
        step = self._tenure.next(
            self._turn.wanted,
            busy=bool(takes),
            speaking=any(take.sent for take in takes),
            listened_to=any(take.utterance.lane is Lane.SPEAK for take in takes),
        )
        self._giving_way = step is not Next.GO_ON
        if not self._leaving and step is not Next.LEAVE:
            self._feed()
            return False
        logger.info("worker %s makes room", self.worker_pid)
        self._ready = False  # from here on nothing is sent to it
        for take in list(takes):
            if take.canceled:
                self._end(take, FinishReason.CANCELED)
            else:
                take.start_over()
        return True

    async def _read(self, process: WorkerProcess) -> None:
        while True:
            message = await process.receive()
            self._heard_at = time.monotonic()
            if isinstance(message, wire.Frames):
                self._deliver(message)

    def _deliver(self, message: wire.Frames) -> None:
        ended = False
        for frame in message.frames:
            take = self._takes.get(frame.id)
            if take is None:
                continue
            take.receive(frame)
            if frame.final:
                ended = True
                reason = frame.finish_reason or FinishReason.ERROR
                self._end(take, reason, why=frame.error)
        if ended:
            self._feed()
            if self._giving_way or not self._takes:
                self._turn.tell()  # to this pool's own keeper

    def _feed(self) -> None:
        """Send what the worker may have now: everything at once, or while there are suspects, one of them alone.
        Who is waited for and no suspect comes before them.
        """
        if not self._ready or self._giving_way:
            return
        takes = self._takes.values()
        suspects = [take for take in takes if take.kills]
        if suspects:
            if any(take.sent for take in takes):
                return
            listeners = [take for take in takes if not take.kills and take.utterance.lane is Lane.SPEAK]
            waiting = listeners or suspects[:1]
        else:
            waiting = [take for take in takes if not take.sent]
        if waiting:
            for take in waiting:
                take.sent = True
            self._send(wire.Add([take.utterance for take in waiting]))

    def _send(self, message: wire.ToWorker) -> None:
        if self._process is not None and self._ready:
            self._process.send(message)

    def _end(
        self,
        take: Take,
        reason: FinishReason,
        error: InferenceFailed | ModelNotReady | None = None,
        *,
        why: str = "",
    ) -> None:
        del self._takes[take.utterance.id]
        if take.utterance.lane is Lane.SPEAK:
            self._tenure.heard_out()
        take.end(reason, error, why=why)
        self._wakeup.set()

    def _lost(self, why: str) -> None:
        """The worker is gone: who killed it too often is quarantined, the others are spoken again."""
        logger.warning("worker %s is lost: %s", self.worker_pid, why)
        if not self._ready:
            self._failed_starts += 1
            if self._failed_starts >= STARTS_ALLOWED:
                self._failed_starts = 0
                self._refuse_all(f"the model's process does not start: {why}")
            return
        for take in [take for take in self._takes.values() if take.sent]:
            take.kills += 1
            if take.canceled:
                self._end(take, FinishReason.CANCELED)
            elif take.kills >= KILLS_ALLOWED:
                error = InferenceFailed(
                    f"the model's process was lost {take.kills} times while it spoke this chunk; "
                    "change the text or the voice, then retry the job",
                    reason=why,
                )
                self._end(take, FinishReason.ERROR, error)
            else:
                take.start_over()

    def _refuse_all(self, why: str) -> None:
        for take in list(self._takes.values()):
            self._end(take, FinishReason.ERROR, ModelNotReady(why, model_id=self._model_id))
        for loaded in self._loads:
            if not loaded.done():
                loaded.set_exception(ModelNotReady(why, model_id=self._model_id))
        self._loads.clear()
        self._load_error = why

    async def _stop_worker(self) -> None:
        self._ready = False
        if self._process is not None:
            try:
                await self._process.stop()
            finally:
                self._process = None
                self._gone.set()
