"""The composition root: every object is built here, in the order of need, and taken down in reverse."""

import asyncio
import logging
import socket
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import uvicorn
from litestar.types import ASGIApp

from app.api.app import make_app
from app.api.guard import App, Guard
from app.audio.log.logs import AudioLogs
from app.audio.playback.speakers import Speakers as AudioDevice
from app.audio.recordings.decoder import RecordingDecoder
from app.config import DATABASE_FILE, Config, private_folder
from app.daemon.binding import Bound, bind_socket
from app.daemon.engine import AudioOutput, DaemonContext
from app.daemon.server import Daemon
from app.errors import ModelNotFound, ModelNotReady, StartFailed, StorageFailed
from app.models.downloads import Downloads
from app.models.installed import InstalledModels
from app.models.registry import ModelRegistry
from app.models.spec import ModelSpec, espeak
from app.models.transcriber import Transcriber
from app.models.worker.supervisor import WorkerSupervisor
from app.process.executable import program
from app.scheduler.feed import Feed
from app.scheduler.scheduler import Scheduler
from app.store.chunks import ChunkStore
from app.store.database import Database
from app.store.history import History
from app.store.jobs import JobStore
from app.store.preferences import Preferences
from app.store.voices import VoiceStore
from app.usecases.jobs import Jobs
from app.usecases.models import Models
from app.usecases.voices import Voices, voice_spec

#: How long running jobs have to finish their step, out of the time that a stop may take.
SETTLE_S = 2.0

logger = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """uvicorn without its own signal handlers: when to stop is the engine's affair."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave the signals alone."""
        yield


class Parts(NamedTuple):
    """The parts of an engine, all but its socket."""

    app: App
    speech: Jobs
    voices: Voices
    library: Models
    scheduler: Scheduler
    logs: AudioLogs
    feed: Feed


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
) -> AsyncGenerator[Jobs]:
    """The whole engine, listening; taken down in reverse when the block ends.

    `bound` is the Unix socket of the configuration, if it is bound already. `builtin` stands in for the models
    that are built in, `speakers` for this machine's. `on_failure` is called when a task without which there is no
    engine comes to an end: whoever started it should stop, and start again. `on_stop` is called when a client of
    the daemon says so.
    """
    logging.getLogger("uvicorn.error").addFilter(_expected)  # the same one is added once
    async with AsyncExitStack() as stack:
        parts = await _built(config, builtin or [espeak()], sock, stack, on_failure)
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
        daemon = _daemon(config, sock, bound, parts, speakers, stack, on_stop)
        # From here on in reverse: jobs stop and tell their listeners while these can still be reached.
        scheduling = asyncio.create_task(parts.scheduler.run(), name="scheduler")
        stack.push_async_callback(_settle, parts, scheduling)
        sweep = asyncio.create_task(_swept(parts), name="sweep")
        stack.push_async_callback(_canceled, sweep)
        for vital in (task, scheduling):
            vital.add_done_callback(partial(_watch, on_failure))
        if daemon is not None:
            await daemon.open()
            stack.callback(daemon.close)
        yield parts.speech


async def _built(
    config: Config,
    builtin: Sequence[ModelSpec],
    sock: socket.socket,
    stack: AsyncExitStack,
    on_failure: Callable[[], None],
) -> Parts:
    """Build everything but the socket, from the database up."""
    database = await Database.open(config.data_dir / DATABASE_FILE)
    stack.push_async_callback(database.close)
    jobs, chunks, voice_store = JobStore(database), ChunkStore(database), VoiceStore(database)
    logs = AudioLogs(private_folder(config.data_dir / "jobs"))
    stack.callback(logs.close)
    wakeup = asyncio.Event()  #: the scheduler may have something to do
    models = await stack.enter_async_context(_models(config, builtin, wakeup, on_failure))
    library = Models(models=models, jobs=jobs, voices=voice_store, preferences=Preferences(database))
    await _opened(library, config.model_id)
    feed = Feed()
    voices_folder = private_folder(config.data_dir / "voices")
    spec = partial(voice_spec, voices_folder)
    scheduler = Scheduler(
        jobs=jobs,
        chunks=chunks,
        voices=voice_store,
        logs=logs,
        models=models,
        feed=feed,
        voice_spec=spec,
        wakeup=wakeup,
    )
    await scheduler.rescue()
    speech = Jobs(
        models=models,
        jobs=jobs,
        chunks=chunks,
        history=History(database),
        voices=voice_store,
        logs=logs,
        scheduler=scheduler,
        feed=feed,
        voice_spec=spec,
    )
    voices = Voices(
        models=models,
        store=voice_store,
        scheduler=scheduler,
        listener=RecordingDecoder(program("decode")),
        transcriber=Transcriber(lambda folder: program("transcribe", str(folder))),
        folder=voices_folder,
        previews=private_folder(config.data_dir / "previews"),
    )
    app = Guard(
        _asgi(make_app(speech, voices, library)),
        token=config.token,
        hosts=_hosts(sock),
        origins=config.allowed_origins,
    )
    return Parts(app, speech, voices, library, scheduler, logs, feed)


def _daemon(
    config: Config,
    sock: socket.socket,
    bound: Bound | None,
    parts: Parts,
    speakers: AudioOutput | None,
    stack: AsyncExitStack,
    on_stop: Callable[[], None],
) -> Daemon | None:
    """The Unix socket's server, not open yet, if there is one. Its requests end before the rest is closed."""
    if bound is None and config.socket_path is not None:
        bound = bind_socket(config.socket_path)
    if bound is None:
        return None
    stack.callback(bound.close)
    speakers = speakers or AudioDevice()
    stack.push_async_callback(speakers.close)
    engine = DaemonContext(
        config=config,
        url=_url(sock),
        speech=parts.speech,
        voices=parts.voices,
        library=parts.library,
        speakers=speakers,
    )
    daemon = Daemon(bound, engine, on_stop=on_stop)
    stack.push_async_callback(daemon.closed)
    return daemon


@asynccontextmanager
async def _models(
    config: Config, builtin: Sequence[ModelSpec], wakeup: asyncio.Event, on_failure: Callable[[], None]
) -> AsyncGenerator[ModelRegistry]:
    """The models of this machine. The folder may be somebody else's, and read-only."""
    folder = config.models_dir.resolve() if config.models_dir else private_folder(config.data_dir / "models")

    def fetch(repository: str, revision: str, target: Path) -> Sequence[str]:
        return program("fetch", repository, revision, str(target))

    downloads = Downloads(fetch, folder / ".downloads")

    def watch(supervisor: WorkerSupervisor) -> None:
        supervisor.task.add_done_callback(partial(_watch, on_failure))

    async with (
        downloads,
        ModelRegistry(
            builtin,
            InstalledModels(folder),
            downloads,
            idle_unload_s=config.idle_unload_s,
            wakeup=wakeup,
            on_supervisor=watch,
        ) as models,
    ):
        yield models


async def _opened(library: Models, model_id: str | None) -> None:
    """Find the models; a start that asks for one that cannot be had fails."""
    try:
        await library.open(model_id)
    except (ModelNotFound, ModelNotReady) as error:
        known = ", ".join(entry.card.model_id for entry in library.models.entries)
        said = f"there is no model {model_id!r}" if isinstance(error, ModelNotFound) else str(error)
        raise StartFailed(f"{said}; there is: {known}", exit_code=64) from error


def _asgi(app: ASGIApp) -> App:
    """Litestar's application as plain ASGI: its types are narrower than the protocol's, the calls are the same."""
    plain: App = app  # type: ignore[assignment]
    return plain


def _hosts(sock: socket.socket) -> list[str]:
    """What a Host header may say: this address, by its names, with this port."""
    address, port = sock.getsockname()[:2]
    names = [f"[{address}]" if sock.family is socket.AF_INET6 else address, "localhost"]
    return [f"{name}:{port}" for name in names] + (names if port == 80 else [])


def _url(sock: socket.socket) -> str:
    """Where the engine is asked over HTTP."""
    address, port = sock.getsockname()[:2]
    return f"http://[{address}]:{port}/v1" if sock.family is socket.AF_INET6 else f"http://{address}:{port}/v1"


async def _settle(parts: Parts, scheduling: asyncio.Task[None]) -> None:
    """Bring every running job to a state from which the next engine can continue, within the time allowed."""
    for last in (False, True):
        with suppress(TimeoutError, StorageFailed):
            async with asyncio.timeout(SETTLE_S / 2):
                await parts.scheduler.shut_down()
            break
        if not last:
            for supervisor in parts.speech.models.workers:
                supervisor.kill_worker()  # it does not come to its next step
    parts.logs.cut_off()
    parts.feed.close()
    await _canceled(scheduling)


async def _stop_serving(server: Server, task: asyncio.Task[None]) -> None:
    server.should_exit = True
    await task


def _expected(record: logging.LogRecord) -> bool:
    """uvicorn calls it an error when a WebSocket is refused with an answer, which is the guard's everyday work."""
    return "without completing handshake" not in record.getMessage()


def _watch(on_failure: Callable[[], None], task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.critical("%s has failed; the engine stops", task.get_name(), exc_info=error)
        on_failure()


async def _swept(parts: Parts) -> None:
    try:
        await parts.speech.sweep()
        await parts.voices.sweep()
    except Exception:
        logger.exception("what a crash left behind cannot be removed")


async def _canceled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
