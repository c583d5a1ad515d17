"""What the engine is told when it starts. Nothing is read at import; `cli` and `engine/sidecar.py` fill it in."""

import ipaddress
import stat
from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from app.errors import StartFailed
from app.process.files import atomic_write

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 5123
DEFAULT_IDLE_UNLOAD_S = 300.0

#: Where Tauri's webviews come from: macOS and Linux, then Windows without and with `useHttpsScheme`.
TAURI_ORIGINS = ("tauri://localhost", "http://tauri.localhost", "https://tauri.localhost")

TOKEN_FILE, LOG_FILE, DATABASE_FILE, WEBHOOK_SECRET_FILE = "token", "engine.log", "q3tts.db", "webhook-secret"


class EngineKind(StrEnum):
    """What an engine was started for."""

    DAEMON = "daemon"  #: to serve until it is stopped
    COMMAND = "command"  #: to serve one command, and others that come meanwhile
    SIDECAR = "sidecar"  #: to serve an app


class KeepLimits(Struct, frozen=True, kw_only=True):
    """What is kept of the jobs that have ended; None for no limit."""

    days: float | None = None  #: since they ended
    jobs: int | None = None
    bytes: int | None = None  #: of their audio

    @property
    def given(self) -> bool:
        """Whether there is any limit."""
        return self != KeepLimits()


class WebhookReach(StrEnum):
    """Where the webhooks of jobs may go."""

    OFF = "off"  #: nowhere
    LOCAL = "local"  #: to this machine, and to private networks
    ANYWHERE = "anywhere"  #: to others, too


class Config(Struct, frozen=True, kw_only=True):
    """All settings of an engine."""

    data_dir: Path
    token: str  #: grants full access
    kind: EngineKind = EngineKind.DAEMON
    model_id: str | None = None  #: None for the one that was active before, at first the one that is built in
    models_dir: Path | None = None  #: None for the one in the data folder
    hub_cache: Path | None = None  #: where the hub's tools keep models that can be used, too; None for nowhere
    allowed_origins: tuple[str, ...] = TAURI_ORIGINS
    idle_unload_s: float = DEFAULT_IDLE_UNLOAD_S
    audio_links: bool = False  #: whether there may be addresses of a job's audio that need no token
    keep: KeepLimits = KeepLimits()
    webhooks: WebhookReach = WebhookReach.OFF  #: where the webhooks may go that come with jobs
    webhook_url: str | None = None  #: who is told of the end of every job
    socket_path: Path | None = None  #: where the daemon's clients come in; None for nowhere
    token_file: Path | None = None  #: where the token is; None when it came from outside, and is written nowhere
    umask: int = 0o077  #: the user's own, for files that are made outside the data folder


def loopback(host: str) -> str:
    """The address to bind; raises `StartFailed` (64) for anything that others could reach."""
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        address = None
    if address is None or not address.is_loopback or getattr(address, "ipv4_mapped", None) is not None:
        raise StartFailed(
            f"--host {host!r} is not a loopback address; the engine serves this machine alone, "
            "so use 127.0.0.1, ::1 or localhost",
            exit_code=64,
        )
    return str(address)


def default_data_dir() -> Path:
    """The user's data folder for q3tts, as the platform has it."""
    from platformdirs import user_data_path

    return user_data_path("q3tts", appauthor=False)


def private_folder(path: Path) -> Path:
    """Make the folder, or make sure that an existing one is private: 0700. Raises `StartFailed` (74).

    A folder that is open to others and has other files in it is refused, not changed: it is not ours alone.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            if any(path.iterdir()) and not (path / DATABASE_FILE).exists():
                raise StartFailed(
                    f"{path} has other files and is open to other users; make it private (chmod 700), "
                    "or choose an empty --data-dir",
                    exit_code=74,
                )
            path.chmod(0o700)
    except OSError as error:
        raise StartFailed(f"the data folder {path} cannot be used: {error.strerror}", exit_code=74) from error
    return path.resolve()


def write_token(path: Path, token: str) -> None:
    """Leave the token where only the user's own scripts can read it: mode 0600, written atomically.

    Raises `StartFailed` (74).
    """
    try:
        with atomic_write(path, mode=0o600, durable=False) as file:
            file.write(token.encode())
    except OSError as error:
        raise StartFailed(f"the token cannot be written to {path}: {error.strerror}", exit_code=74) from error
