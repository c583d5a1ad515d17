"""The engine's side of the pipe: starts the worker on first use, feeds it, ends it when idle, and starts it again
when it dies or stops answering. Knows utterances and takes; nothing of jobs, chunks or files.

Every utterance that a dying worker had is a suspect and is spoken alone from then on, so that the one that kills
it is found; after three workers it is quarantined, and its take fails.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType

from msgspec import DecodeError

from app.errors import InferenceFailed, ModelNotReady
from app.inference import wire
from app.inference.model import FinishReason, Utterance
from app.inference.take import Take

KILLS_ALLOWED = 3
STARTS_ALLOWED = 3

#: How long a worker has to end by itself once its pipe is closed.
GRACE_S = 1.0

logger = logging.getLogger(__name__)


class _WorkerLost(Exception):
    """The worker died, or does not answer."""


class Pool:
    """Belongs to the event loop. One worker at a time; entering starts the task that looks after it.

    `ping_s` is how often a busy worker is asked, `answer_s` how long it may be silent, `start_s` how long loading
    may take, all in seconds.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        idle_unload_s: float,
        ping_s: float = 5.0,
        answer_s: float = 30.0,
        start_s: float = 120.0,
    ) -> None:
        self._command = tuple(command)
        self._idle_unload_s = idle_unload_s
        self._ping_s, self._answer_s, self._start_s = ping_s, answer_s, start_s
        self._takes: dict[int, Take] = {}
        self._capacity = 1
        self._process: asyncio.subprocess.Process | None = None
        self._ready = False
        self._heard_at = 0.0
        self._work = asyncio.Event()
        self._failed_starts = 0
        self._keeper: asyncio.Task[None] | None = None
        self._on_room: Callable[[], None] = lambda: None

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
            with suppress(ProcessLookupError):
                self._process.kill()

    def on_room(self, callback: Callable[[], None]) -> None:
        """Call back whenever there may be room for another utterance."""
        self._on_room = callback

    @property
    def room(self) -> int:
        """How many more utterances of lane `render` the model can have in work."""
        renders = sum(take.utterance.lane == "render" for take in self._takes.values())
        return self._capacity - renders

    @property
    def worker_pid(self) -> int | None:
        """The process that has the model, if one runs."""
        return self._process.pid if self._process is not None else None

    def submit(self, utterance: Utterance) -> Take:
        """Have an utterance spoken."""
        take = self._takes[utterance.id] = Take(utterance)
        self._work.set()
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
            try:
                await self._one_worker()
            except (_WorkerLost, OSError, DecodeError, ValueError) as error:
                self._lost(str(error) or type(error).__name__)
            finally:
                await self._stop_worker()
            if not self._takes:
                self._work.clear()

    async def _one_worker(self) -> None:
        """Start a worker and serve it until it has been idle for long enough."""
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 20,
        )
        logger.info("worker %d started", self._process.pid)
        async with asyncio.timeout(self._start_s):
            hello = await self._receive()
        if isinstance(hello, wire.Broken):
            self._refuse_all(hello.message)
            return
        if not isinstance(hello, wire.Ready):
            raise _WorkerLost(f"it said {type(hello).__name__} before it was ready")
        self._failed_starts = 0
        self._capacity, self._ready = hello.capacity, True
        self._feed()
        self._on_room()
        reader = asyncio.create_task(self._read(), name="pool reader")
        try:
            await self._watch(reader)
        finally:
            reader.cancel()
            with suppress(asyncio.CancelledError, _WorkerLost, OSError, DecodeError, ValueError):
                await reader

    async def _watch(self, reader: asyncio.Task[None]) -> None:
        """Return when the worker is idle, raise when it is lost."""
        idle_since = self._heard_at = time.monotonic()
        while True:
            await asyncio.wait({reader}, timeout=min(self._ping_s, self._idle_unload_s))
            if reader.done():
                reader.result()
            now = time.monotonic()
            if self._takes:
                idle_since = now
                if now - self._heard_at > self._answer_s:
                    raise _WorkerLost(f"it has not answered for {now - self._heard_at:.1f} s")
                self._send(wire.Ping())
            else:
                self._heard_at = now
                if now - idle_since >= self._idle_unload_s:
                    logger.info("worker %s has been idle for %.0f s", self.worker_pid, now - idle_since)
                    # From here on nothing is sent to it; what is submitted now waits for the next one.
                    self._ready = False
                    return

    async def _read(self) -> None:
        while True:
            message = await self._receive()
            self._heard_at = time.monotonic()
            if isinstance(message, wire.Frames):
                self._deliver(message)

    async def _receive(self) -> wire.FromWorker:
        assert self._process is not None
        stream = self._process.stdout
        assert stream is not None
        try:
            length = wire.body_bytes(await stream.readexactly(wire.LENGTH_BYTES))
            return wire.from_worker(await stream.readexactly(length))
        except asyncio.IncompleteReadError:
            code = await self._process.wait()
            raise _WorkerLost(f"it ended with code {code}") from None

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
                error = InferenceFailed(frame.error) if reason is FinishReason.ERROR else None
                self._end(take, reason, error)
        if ended:
            self._feed()

    def _feed(self) -> None:
        """Send what the worker may have now: everything at once, or while there are suspects, one of them alone.
        Who is waited for and no suspect comes before them.
        """
        if not self._ready:
            return
        takes = self._takes.values()
        suspects = [take for take in takes if take.kills]
        if suspects:
            if any(take.sent for take in takes):
                return
            waiting = [take for take in takes if not take.kills and take.utterance.lane == "speak"] or suspects[:1]
        else:
            waiting = [take for take in takes if not take.sent]
        if waiting:
            for take in waiting:
                take.sent = True
            self._send(wire.Add([take.utterance for take in waiting]))

    def _send(self, message: wire.ToWorker) -> None:
        # Not drained: what goes this way is small, and bounded by the chunks in work.
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(wire.packed(message))

    def _end(self, take: Take, reason: FinishReason, error: InferenceFailed | ModelNotReady | None = None) -> None:
        del self._takes[take.utterance.id]
        take.end(reason, error)
        self._on_room()

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
            self._end(take, FinishReason.ERROR, ModelNotReady(why))

    async def _stop_worker(self) -> None:
        """Close the pipe, which is the order to end; kill it when it does not."""
        process, self._process, self._ready = self._process, None, False
        if process is None:
            return
        ending = asyncio.ensure_future(_ended(process))
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError:
            await ending  # the pool is left just now: no reason to leave a worker behind
            raise


async def _ended(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        await _silent(process)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        with suppress(TimeoutError):
            await _silent(process)


async def _silent(process: asyncio.subprocess.Process) -> None:
    """Wait for the process, for a while. What it still says is read and dropped: while it waits for somebody to
    read, it does not see that its pipe is closed, and asyncio would keep the pipe open.
    """
    async with asyncio.timeout(GRACE_S):
        with suppress(OSError):
            await process.communicate()
        await process.wait()
