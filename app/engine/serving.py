"""Runs what `build.py` builds: uvicorn on its socket, the scheduler, the daemon; and ends them in reverse."""

import asyncio
import logging
import math
import socket
import time
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial

import uvicorn

from app.config import Config
from app.daemon.binding import Bound
from app.daemon.engine import AudioOutput
from app.engine.build import build_app, build_daemon, build_parts, build_sender
from app.engine.http import KEEP_ALIVE_S, DeadlineHttp
from app.engine.websocket import AcknowledgedWebSocket
from app.errors import StorageFailed
from app.models.spec import ModelSpec, espeak
from app.process.waiting import end_task
from app.scheduler.finisher import STORAGE_RETRY_S
from app.usecases.parts import Parts

#: How long running jobs have to finish their step, out of the time that a stop may take.
SETTLE_S = 2.0
#: How often it is said that no connection can be accepted.
QUIET_S = 60.0

logger = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """uvicorn without its own signal handlers: when to stop is the engine's affair."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave the signals alone."""
        yield


class Seldom(logging.Filter):
    """Lets asyncio say once a minute that it cannot accept connections, because too many files are open. It tries
    again each second, and would fill the log.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__()
        self._now = now
        self._said_at = -math.inf

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record goes into the log."""
        if "out of system resource" not in record.getMessage():
            return True
        if self._now() - self._said_at < QUIET_S:
            return False
        self._said_at = self._now()
        return True


@asynccontextmanager
async def serving(
    config: Config,
    sock: socket.socket,
    *,
    bound: Bound | None = None,
    builtin: Sequence[ModelSpec] | None = None,
    speakers: AudioOutput | None = None,
    on_failure: Callable[[], None] = lambda: None,
    on_stop: Callable[[], None] = lambda: None,
    storage_retry_s: float = STORAGE_RETRY_S,
) -> AsyncGenerator[Parts]:
    """The whole engine, listening; taken down in reverse when the block ends.

    `bound` is the Unix socket of the configuration, if it is bound already. `builtin` stands in for the models
    that are built in, `speakers` for this machine's. `on_failure` is called when a task without which there is no
    engine comes to an end: whoever started it should stop, and start again. `on_stop` is called when a client of
    the daemon says so. `storage_retry_s` is how long a write waits that a full disk has refused.
    """
    logging.getLogger("uvicorn.error").addFilter(_expected)  # the same one is added once
    seldom = Seldom(time.monotonic)
    logging.getLogger("asyncio").addFilter(seldom)

    def watch(task: asyncio.Task[None]) -> None:
        task.add_done_callback(partial(_report, on_failure))

    async with AsyncExitStack() as stack:
        stack.callback(logging.getLogger("asyncio").removeFilter, seldom)
        parts = await build_parts(config, builtin or [espeak()], stack, watch, storage_retry_s=storage_retry_s)
        server = Server(
            uvicorn.Config(
                build_app(config, sock, parts),
                http=DeadlineHttp,
                ws=AcknowledgedWebSocket,
                loop="asyncio",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                ws_max_size=64 * 1024,
                ws_per_message_deflate=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=1,
            )
        )
        task = asyncio.create_task(server.serve(sockets=[sock]), name="uvicorn")
        stack.push_async_callback(_stop_serving, server, task)
        while not server.started:
            if task.done():
                task.result()
            await asyncio.sleep(0.001)
        watch(task)
        daemon = build_daemon(config, sock, bound, parts, speakers, stack, on_stop)
        if (sender := build_sender(config, parts)) is not None:
            sending = asyncio.create_task(sender.run(), name="webhooks")
            stack.push_async_callback(end_task, sending)
            watch(sending)
        # From here on in reverse: jobs stop and tell their listeners while these can still be reached.
        await stack.enter_async_context(working(parts, watch))
        if daemon is not None:
            await daemon.open()
            stack.callback(daemon.close)
        yield parts


@asynccontextmanager
async def working(parts: Parts, watch: Callable[[asyncio.Task[None]], None]) -> AsyncGenerator[None]:
    """The scheduler, running; when the block ends, every job is in a state from which the next engine can continue.

    `watch` gets the scheduler's task, without which there is no engine.
    """
    async with AsyncExitStack() as stack:
        sweep = asyncio.create_task(_sweep(parts), name="sweep")
        stack.push_async_callback(end_task, sweep)
        keep = asyncio.create_task(parts.retention.run(), name="retention")
        stack.push_async_callback(end_task, keep)
        scheduling = asyncio.create_task(parts.scheduler.run(), name="scheduler")
        # The first of all at the end, before anybody who waits for a job learns of it and cancels that.
        stack.push_async_callback(_settle, parts, scheduling)
        watch(scheduling)
        yield


async def _settle(parts: Parts, scheduling: asyncio.Task[None]) -> None:
    """Bring every running job to a state from which the next engine can continue, within the time allowed."""
    for last in (False, True):
        with suppress(TimeoutError, StorageFailed):
            async with asyncio.timeout(SETTLE_S / 2):
                await parts.scheduler.shut_down()
            break
        if not last:
            for supervisor in parts.registry.workers:
                supervisor.kill_worker()  # it does not come to its next step
    parts.logs.cut_off()
    parts.feed.close()
    await end_task(scheduling)


async def _stop_serving(server: Server, task: asyncio.Task[None]) -> None:
    server.should_exit = True
    await task


def _expected(record: logging.LogRecord) -> bool:
    """uvicorn calls it an error when a WebSocket is refused with an answer (github.com/Kludex/uvicorn/pull/3138),
    which is the guard's everyday work; and when an answer ends before its body does, which is how `api/live.py`
    breaks off audio that goes wrong.
    """
    said = record.getMessage()
    return "without completing handshake" not in said and "without completing response" not in said


def _report(on_failure: Callable[[], None], task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.critical("%s has failed; the engine stops", task.get_name(), exc_info=error)
        on_failure()


async def _sweep(parts: Parts) -> None:
    try:
        await parts.jobs.sweep()
        await parts.voices.sweep()
    except Exception:
        logger.exception("what a crash left behind cannot be removed")
