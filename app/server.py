"""The composition root: every object is built here, in the order of need, and taken down in reverse."""

import asyncio
import logging
import os
import signal
import socket
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import NamedTuple

import uvicorn
from litestar.types import ASGIApp

from app.api.app import make_app
from app.api.guard import App, Guard
from app.audio.logs import AudioLogs
from app.config import DATABASE_FILE, Config, private_folder
from app.errors import StorageFailed
from app.inference import catalogue
from app.inference.model import VoiceSpec
from app.inference.pool import Pool
from app.scheduler.feed import Feed
from app.scheduler.scheduler import Scheduler
from app.sidecar import hold_lease
from app.speech import Speech
from app.store.chunks import ChunkStore
from app.store.clock import now_us
from app.store.database import Database
from app.store.history import History
from app.store.jobs import JobStore
from app.store.rows import Voice
from app.store.voices import VoiceStore

#: From the order to stop until the process is gone, whatever hangs.
DRAIN_S = 5.0

#: Of that, how long the jobs at work have to come to their next step.
SETTLE_S = 2.0

logger = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """uvicorn without its own signal handlers: when to stop is the engine's affair."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave the signals alone."""
        yield


class Parts(NamedTuple):
    """What is built behind the socket."""

    app: App
    speech: Speech
    scheduler: Scheduler
    logs: AudioLogs
    feed: Feed


def run(config: Config, sock: socket.socket, *, on_ready: Callable[[], None], lease: bool) -> int:
    """Serve until a signal, or the end of standard input where that is the lease. The exit code."""
    return asyncio.run(_run(config, sock, on_ready=on_ready, lease=lease))


async def _run(config: Config, sock: socket.socket, *, on_ready: Callable[[], None], lease: bool) -> int:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def order() -> None:
        if not stop.is_set():
            _exit_after(DRAIN_S, 3)
            stop.set()

    def signaled() -> None:
        if stop.is_set():  # pressed again: now
            os._exit(3)
        order()

    def fail() -> None:
        nonlocal code
        code = 70
        order()

    code = 0
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, signaled)
    if lease:
        hold_lease(partial(_end_of_lease, loop, order))
    async with serving(config, sock, on_failure=fail):
        on_ready()
        await stop.wait()
        logger.info("stopping")
    return code


@asynccontextmanager
async def serving(
    config: Config,
    sock: socket.socket,
    *,
    model: catalogue.Entry | None = None,
    on_failure: Callable[[], None] = lambda: None,
) -> AsyncGenerator[Speech]:
    """The whole engine, listening; taken down in reverse when the block ends.

    `model` stands in for the catalogue's entry of `config.model_id`. `on_failure` is called when a task without
    which there is no engine comes to an end: whoever started it should stop, and start again.
    """
    logging.getLogger("uvicorn.error").addFilter(_expected)  # the same one is added once
    async with AsyncExitStack() as stack:
        parts = await _built(config, model or catalogue.entry(config.model_id), sock, stack)
        server = Server(
            uvicorn.Config(
                parts.app,
                http="h11",
                ws="websockets-sansio",
                loop="asyncio",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                ws_max_size=64 * 1024,
                ws_per_message_deflate=False,
                timeout_graceful_shutdown=1,
            )
        )
        task = asyncio.create_task(server.serve(sockets=[sock]), name="uvicorn")
        stack.push_async_callback(_stop_serving, server, task)
        while not server.started:
            if task.done():
                task.result()
            await asyncio.sleep(0.001)
        # From here on in reverse: jobs come to rest and tell their listeners while these can still be reached.
        scheduling = asyncio.create_task(parts.scheduler.run(), name="scheduler")
        stack.push_async_callback(_settle, parts, scheduling)
        sweep = asyncio.create_task(_swept(parts.speech), name="sweep")
        stack.push_async_callback(_canceled, sweep)
        for vital in (task, scheduling, parts.speech.pool.keeper):
            vital.add_done_callback(partial(_watch, on_failure))
        yield parts.speech


async def _built(config: Config, model: catalogue.Entry, sock: socket.socket, stack: AsyncExitStack) -> Parts:
    """Everything behind the socket, from the file up."""
    database = await Database.open(config.data_dir / DATABASE_FILE)
    stack.push_async_callback(database.close)
    jobs, chunks, voices = JobStore(database), ChunkStore(database), VoiceStore(database)
    await voices.sync_presets(model.card.model_id, _presets(model))
    logs = AudioLogs(private_folder(config.data_dir / "jobs"))
    stack.callback(logs.close)
    feed = Feed()
    pool = await stack.enter_async_context(Pool(model.command, idle_unload_s=config.idle_unload_s))
    scheduler = Scheduler(
        jobs=jobs,
        chunks=chunks,
        voices=voices,
        logs=logs,
        pool=pool,
        feed=feed,
        card=model.card,
        voice_spec=partial(_voice_spec, config),
    )
    await scheduler.rescue()
    speech = Speech(
        model=model,
        jobs=jobs,
        chunks=chunks,
        history=History(database),
        voices=voices,
        logs=logs,
        pool=pool,
        scheduler=scheduler,
        feed=feed,
        voices_folder=private_folder(config.data_dir / "voices"),
    )
    app = Guard(_asgi(make_app(speech)), token=config.token, hosts=_hosts(sock), origins=config.allowed_origins)
    return Parts(app, speech, scheduler, logs, feed)


def _asgi(app: ASGIApp) -> App:
    """Litestar's application as plain ASGI: its types are narrower than the protocol's, the calls are the same."""
    plain: App = app  # type: ignore[assignment]
    return plain


def _hosts(sock: socket.socket) -> list[str]:
    """What a Host header may say: this address, by its names, with this port."""
    address, port = sock.getsockname()[:2]
    names = [f"[{address}]" if sock.family is socket.AF_INET6 else address, "localhost"]
    return [f"{name}:{port}" for name in names] + (names if port == 80 else [])


def _presets(model: catalogue.Entry) -> list[Voice]:
    now = now_us()
    return [
        Voice(
            id=preset.voice_id,
            kind="preset",
            display_name=preset.display_name,
            model_id=model.card.model_id,
            name=preset.name,
            language_hint=preset.language or None,
            created_at=now,
        )
        for preset in model.presets()
    ]


def _voice_spec(config: Config, voice: Voice) -> VoiceSpec:
    """The voice as the model is told of it."""
    if voice.kind == "preset":
        return VoiceSpec("preset", name=voice.name)
    folder = str(config.data_dir / "voices" / voice.id)
    return VoiceSpec("clone" if voice.kind == "clone" else "design", folder=folder)


async def _settle(parts: Parts, scheduling: asyncio.Task[None]) -> None:
    """Bring every job at work to a state from which the next engine goes on; not for longer than allowed."""
    for last in (False, True):
        with suppress(TimeoutError, StorageFailed):
            async with asyncio.timeout(SETTLE_S / 2):
                await parts.scheduler.shut_down()
            break
        if not last:
            parts.speech.pool.kill_worker()  # it does not come to its next step
    parts.logs.cut_off()
    parts.feed.close()
    await _canceled(scheduling)


async def _stop_serving(server: Server, task: asyncio.Task[None]) -> None:
    server.should_exit = True
    await task


def _end_of_lease(loop: asyncio.AbstractEventLoop, order: Callable[[], None]) -> None:
    """From the lease's thread, which ends the process even when the loop hangs."""
    _exit_after(DRAIN_S, 3)
    with suppress(RuntimeError):  # a loop that is closed needs no more orders
        loop.call_soon_threadsafe(order)


def _expected(record: logging.LogRecord) -> bool:
    """uvicorn calls it an error when a WebSocket is refused with an answer, which is the guard's everyday work."""
    return "without completing handshake" not in record.getMessage()


def _watch(on_failure: Callable[[], None], task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.critical("%s has failed; the engine stops", task.get_name(), exc_info=error)
        on_failure()


async def _swept(speech: Speech) -> None:
    try:
        await speech.sweep()
    except Exception:
        logger.exception("what a crash left behind cannot be removed")


async def _canceled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _exit_after(seconds: float, code: int) -> None:
    """End the process after so long, whatever still hangs: a thread of a library, a socket, native code."""
    timer = threading.Timer(seconds, os._exit, args=(code,))
    timer.daemon = True
    timer.start()
