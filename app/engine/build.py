"""The composition root: every object is built here, in the order of need. `serving.py` runs what is built."""

import asyncio
import secrets
import socket
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from litestar.types import ASGIApp

from app.api.app import make_app
from app.api.guard import App, Guard
from app.api.metered import Metered
from app.api.model_paths import ModelPaths
from app.api.models import VERBS
from app.audio.export.formats import encoding
from app.audio.export.job_export import Exports
from app.audio.log.logs import AudioLogs
from app.audio.playback.speakers import Speakers as AudioDevice
from app.audio.recordings.decoder import RecordingDecoder
from app.config import DATABASE_FILE, Config, WebhookReach, private_folder
from app.daemon.binding import Bound, bind_socket
from app.daemon.engine import AudioOutput, DaemonContext
from app.daemon.server import Daemon
from app.errors import InvalidRequest, ModelNotFound, ModelNotReady, StartFailed, StorageFailed
from app.metering import Meters
from app.models.downloads import Downloads
from app.models.installed import InstalledModels
from app.models.registry import ModelRegistry
from app.models.spec import ModelSpec
from app.models.transcriber import Transcriber
from app.models.worker.supervisor import WorkerSupervisor
from app.process.executable import program
from app.scheduler.feed import Feed
from app.scheduler.scheduler import Scheduler
from app.scheduler.script import Scripts
from app.store.database import Database
from app.store.stores import Stores
from app.usecases.audio_links import AudioLinks
from app.usecases.contexts import Contexts
from app.usecases.deletion import JobDeletion
from app.usecases.jobs import Jobs
from app.usecases.listened_jobs import ListenedJobs
from app.usecases.live_audio import Encoder, LiveAudio
from app.usecases.metrics import Metrics
from app.usecases.models import Models
from app.usecases.parts import Parts
from app.usecases.retention import Retention
from app.usecases.voice_chooser import VoiceChooser
from app.usecases.voices import Voices, voice_spec
from app.webhooks.for_all import webhook_for_all
from app.webhooks.sender import WebhookSender


async def build_parts(
    config: Config,
    builtin: Sequence[ModelSpec],
    stack: AsyncExitStack,
    watch: Callable[[asyncio.Task[None]], None],
    *,
    storage_retry_s: float,
) -> Parts:
    """Build what the interfaces work with, from the database up; `stack` takes it down in reverse.

    `watch` gets every task that the engine cannot run without.
    """
    database = await Database.open(config.data_dir / DATABASE_FILE)
    stack.push_async_callback(database.close)
    stores = Stores.over(database)
    # Before anything ends a job.
    await stores.deliveries.set_for_all(webhook_for_all(config))
    logs = AudioLogs(private_folder(config.data_dir / "jobs"))
    stack.callback(logs.close)
    exports = Exports()
    stack.callback(exports.close)
    wakeup = asyncio.Event()  # the scheduler may have something to do
    registry = await stack.enter_async_context(_models(config, builtin, wakeup, watch))
    models = Models(registry=registry, jobs=stores.jobs, voices=stores.voices, preferences=stores.preferences)
    await _open_models(models, registry, config.model_id)
    feed, meters = Feed(), Meters()
    voices_folder = private_folder(config.data_dir / "voices")
    spec = partial(voice_spec, voices_folder)
    scripts = Scripts(wakeup.set)
    scheduler = Scheduler(
        jobs=stores.jobs,
        chunks=stores.chunks,
        voices=stores.voices,
        logs=logs,
        exports=exports,
        models=registry,
        feed=feed,
        scripts=scripts,
        voice_spec=spec,
        wakeup=wakeup,
        meters=meters,
        storage_retry_s=storage_retry_s,
    )
    await scheduler.rescue()
    voices = Voices(
        models=registry,
        store=stores.voices,
        scheduler=scheduler,
        listener=RecordingDecoder(program("decode")),
        transcriber=Transcriber(lambda folder: program("transcribe", str(folder))),
        folder=voices_folder,
        previews=private_folder(config.data_dir / "previews"),
    )
    chooser = VoiceChooser(models=models, registry=registry, store=stores.voices, voices=voices)
    jobs = Jobs(
        models=registry,
        jobs=stores.jobs,
        voices=stores.voices,
        chooser=chooser,
        logs=logs,
        scheduler=scheduler,
        voice_spec=spec,
        webhooks=config.webhooks,
    )
    deletion = JobDeletion(history=stores.history, jobs=stores.jobs, scheduler=scheduler, logs=logs)
    retention = Retention(limits=config.keep, history=stores.history, deletion=deletion, logs=logs)
    return Parts(
        jobs,
        deletion,
        retention,
        Metrics(meters=meters, stores=stores, registry=registry, logs=logs, feed=feed, data_dir=config.data_dir),
        voices,
        chooser,
        models,
        stores,
        registry,
        scheduler,
        logs,
        feed,
        listened=ListenedJobs(jobs=jobs, store=stores.jobs, scheduler=scheduler),
        live_audio=LiveAudio(jobs=jobs, logs=logs, encoder=_encoder),
        links=AudioLinks(secrets.token_bytes(32) if config.audio_links else None),
        contexts=Contexts(jobs=jobs, chunks=stores.chunks, scheduler=scheduler, scripts=scripts),
    )


def build_sender(config: Config, parts: Parts) -> WebhookSender | None:
    """Whoever sends webhooks, if there can be any."""
    if config.webhooks is WebhookReach.OFF and config.webhook_url is None:
        return None
    return WebhookSender(parts.stores.deliveries, parts.feed, reach=config.webhooks)


def build_app(config: Config, sock: socket.socket, parts: Parts) -> App:
    """The HTTP API, with the guard in front of it."""
    app = ModelPaths(_asgi(make_app(parts)), verbs=VERBS)
    guard = Guard(app, token=config.token, hosts=_hosts(sock), origins=config.allowed_origins, links=parts.links)
    return Metered(guard, parts.metrics.meters)


def build_daemon(
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
    engine = DaemonContext(config=config, url=_url(sock), parts=parts, speakers=speakers)
    daemon = Daemon(bound, engine, on_stop=on_stop)
    stack.push_async_callback(daemon.closed)
    return daemon


@asynccontextmanager
async def _models(
    config: Config, builtin: Sequence[ModelSpec], wakeup: asyncio.Event, watch: Callable[[asyncio.Task[None]], None]
) -> AsyncGenerator[ModelRegistry]:
    """The models of this machine. The folder may be somebody else's, and read-only."""
    folder = config.models_dir.resolve() if config.models_dir else private_folder(config.data_dir / "models")

    def fetch(repository: str, revision: str, target: Path) -> Sequence[str]:
        return program("fetch", repository, revision, str(target))

    downloads = Downloads(fetch, folder / ".downloads")

    def on_supervisor(supervisor: WorkerSupervisor) -> None:
        watch(supervisor.task)

    async with (
        downloads,
        ModelRegistry(
            builtin,
            InstalledModels(folder, config.hub_cache),
            downloads,
            idle_unload_s=config.idle_unload_s,
            wakeup=wakeup,
            on_supervisor=on_supervisor,
        ) as models,
    ):
        yield models


async def _open_models(models: Models, registry: ModelRegistry, model_id: str | None) -> None:
    """Find the models; a start that asks for one that cannot be had fails."""
    try:
        await models.open(model_id)
    except (InvalidRequest, StorageFailed) as error:
        raise StartFailed(error.message, exit_code=64) from error
    except (ModelNotFound, ModelNotReady) as error:
        known = ", ".join(entry.card.model_id for entry in registry.entries)
        problem = f"there is no model {model_id!r}" if isinstance(error, ModelNotFound) else str(error)
        raise StartFailed(f"{problem}; there is: {known}", exit_code=64) from error


def _encoder(format: str) -> Encoder:
    """Blocks: the first one loads FFmpeg's libraries."""
    from app.audio.export.stream_encoder import StreamEncoder

    return StreamEncoder(encoding(format))


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
