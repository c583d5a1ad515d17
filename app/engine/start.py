"""From options to a running engine: the socket is bound first, then the heavy imports come.

Binding takes no time and fails for reasons of its own, so an app that starts the engine learns of a taken port at
once; and whoever connects while Python still imports waits in the socket's backlog instead of being refused.
"""

import gc
import logging
import os
import secrets
import socket
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import msgspec
from msgspec import Struct

from app import __version__
from app.config import (
    LOG_FILE,
    TOKEN_FILE,
    Config,
    EngineKind,
    KeepLimits,
    WebhookReach,
    default_data_dir,
    loopback,
    private_folder,
    write_token,
)
from app.daemon.binding import bind_socket
from app.daemon.presence import IN_USE, Presence, announce, engine_in, withdraw
from app.engine.sidecar import Payload, StatusPipe, read_payload
from app.errors import StartFailed
from app.inference.checkpoint.layouts import hub_cache
from app.process import descriptors
from app.process.leftovers import sweep_leftovers

#: How an engine that is in the way comes to its end.
ENDS = {
    EngineKind.DAEMON: "stop it with: q3tts stop",
    EngineKind.COMMAND: "wait until the command has ended",
    EngineKind.SIDECAR: "quit the app",
}

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
LOG_BYTES, LOGS_KEPT = 4 * 1024 * 1024, 3


class Options(Struct, frozen=True, kw_only=True):
    """What the command line says."""

    kind: EngineKind = EngineKind.DAEMON
    host: str
    port: int
    data_dir: Path | None
    model_id: str | None
    models_dir: Path | None
    token: str | None
    allowed_origins: tuple[str, ...]
    idle_unload_s: float
    audio_links: bool = False
    keep: KeepLimits = KeepLimits()
    webhooks: WebhookReach = WebhookReach.OFF
    webhook_url: str | None = None
    socket_path: Path | None = None
    parent_pid: int | None = None


def start(options: Options, *, sidecar: bool = False, announce: bool = False) -> int:
    """Run the engine until it is asked to stop: the exit code. A `sidecar` gets its settings from its app, lives as
    long as that, and writes JSON, as does one that should `announce` that it is ready.
    """
    started = time.monotonic()
    umask = os.umask(0o077)
    descriptors.allow_many()
    status = StatusPipe() if sidecar or announce else None
    try:
        if sidecar:
            options = _apply_payload(options, read_payload())
        with ExitStack() as stack:
            return _start(options, status, started, umask, stack, lifeline=sidecar)
    except StartFailed as error:
        if status is None:
            raise
        status.send("error", code=error.code, message=error.message, exit_code=error.exit_code)
        return error.exit_code
    except Exception as error:
        if status is None:
            raise
        logging.getLogger(__name__).exception("the engine failed")
        status.send("error", code="INTERNAL", message=f"{type(error).__name__}: {error}", exit_code=70)
        return 70


def _apply_payload(options: Options, payload: Payload) -> Options:
    return msgspec.structs.replace(
        options,
        port=payload.port,
        data_dir=Path(payload.data_dir) if payload.data_dir else options.data_dir,
        model_id=payload.model,
        models_dir=Path(payload.models_dir) if payload.models_dir else options.models_dir,
        token=payload.token,
        allowed_origins=payload.allowed_origins,
        audio_links=options.audio_links if payload.audio_links is None else payload.audio_links,
        socket_path=Path(payload.socket) if payload.socket else None,
        parent_pid=payload.parent_pid,
    )


def _start(
    options: Options,
    status: StatusPipe | None,
    started: float,
    umask: int,
    stack: ExitStack,
    *,
    lifeline: bool,
) -> int:
    token = _checked(options.token)
    bound = None
    if options.socket_path is not None:  # before the port: a daemon that runs already is the better reason
        bound = bind_socket(options.socket_path)
        stack.callback(bound.close)
    sock = bind(loopback(options.host), options.port)
    port: int = sock.getsockname()[1]
    data_dir = private_folder(options.data_dir or default_data_dir())
    _log_to_stderr()
    if status is not None:
        status.send("phase", phase="importing")
    config = Config(
        data_dir=data_dir,
        token=token,
        kind=options.kind,
        model_id=options.model_id,
        models_dir=options.models_dir,
        hub_cache=hub_cache(os.environ),
        allowed_origins=options.allowed_origins,
        idle_unload_s=options.idle_unload_s,
        audio_links=options.audio_links,
        keep=options.keep,
        webhooks=options.webhooks,
        webhook_url=options.webhook_url,
        socket_path=None if bound is None else bound.path,
        token_file=data_dir / TOKEN_FILE if options.token is None else None,
        umask=umask,
    )

    host = f"[{options.host}]" if ":" in options.host else options.host
    url = f"http://{host}:{port}/v1"

    def ready() -> None:
        # Only now: the folder is ours, no other engine lives in it, and writes its own log and token there.
        _log_to(data_dir / LOG_FILE)
        Thread(target=sweep_leftovers, name="leftovers", daemon=True).start()
        logging.getLogger(__name__).info("ready in %.3f s", time.monotonic() - started)
        if config.token_file is not None:
            write_token(config.token_file, config.token)
        announce(_presence(config, url))
        stack.callback(withdraw, data_dir)
        if status is not None:
            status.send("ready", port=port, pid=os.getpid(), version=__version__)
            return
        print(f"q3tts {__version__} listens on {url}", file=sys.stderr)
        if config.token_file is not None:
            print(f"the token is in {config.token_file}", file=sys.stderr)
        if bound is not None:
            print(f"the command line finds it at {bound.path}", file=sys.stderr)

    gc.disable()  # a thousand modules come, and nothing of them goes
    from app.engine.lifecycle import run

    gc.freeze()
    gc.enable()
    try:
        return run(config, sock, on_ready=ready, lifeline=lifeline, parent_pid=options.parent_pid, bound=bound)
    except StartFailed as error:
        if error.exit_code != IN_USE or (other := engine_in(data_dir)) is None:
            raise
        raise StartFailed(
            f"another q3tts uses {data_dir}: {other}; {ENDS[other.kind]}, or choose another --data-dir",
            exit_code=IN_USE,
        ) from error


def _presence(config: Config, url: str) -> Presence:
    return Presence(
        kind=config.kind,
        pid=os.getpid(),
        version=__version__,
        started_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        url=url,
        data_dir=str(config.data_dir),
        socket=None if config.socket_path is None else str(config.socket_path),
        token_file=None if config.token_file is None else str(config.token_file),
    )


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; raises `StartFailed` (69) when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio sets TCP_NODELAY only then (github.com/python/cpython/issues/148783);
    # without it an answer of two writes waits 40 ms for the client's acknowledgement.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # A port that an engine left a moment ago is free; on Windows the option would let two share one.
    if os.name == "posix":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(2048)
    except OSError as error:
        sock.close()
        raise StartFailed(
            f"port {port} of {host} cannot be used: {error.strerror}; choose another --port, or 0 for a free one",
            exit_code=69,
        ) from error
    sock.setblocking(False)
    return sock


def _checked(token: str | None) -> str:
    if token is None:
        return secrets.token_hex(32)
    if len(token) < 16 or not all(33 <= ord(character) < 127 and character not in '",' for character in token):
        raise StartFailed(
            "the token must have 16 or more printable ASCII characters, no space or comma", exit_code=64
        )
    return token


def _log_to_stderr() -> None:
    logging.raiseExceptions = False  # nothing is printed about a standard error that is closed
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)


def _log_to(path: Path) -> None:
    """To a file, too, that cannot grow without end."""
    from logging.handlers import RotatingFileHandler

    file = RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=LOGS_KEPT, encoding="utf-8", delay=True)
    file.setFormatter(logging.Formatter(LOG_FORMAT))
    logging.getLogger().addHandler(file)
