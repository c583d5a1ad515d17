"""What an engine says about itself in its data folder while it runs, so that commands find it there, whether or not
it listens at the Unix socket that they know. Light: the command line imports it. It holds no token.
"""

import os
import socket
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from app.config import EngineKind
from app.process.files import atomic_write

FILE = "engine.json"

#: Exit code of an engine whose data folder another one uses.
IN_USE = 75

#: An engine that runs accepts a connection at once.
PROBE_S = 1.0


class Presence(Struct, frozen=True, kw_only=True):
    """An engine that runs."""

    kind: EngineKind
    pid: int
    version: str
    started_at: str  #: ISO 8601, UTC
    url: str
    data_dir: str
    socket: str | None = None
    token_file: str | None = None  #: None when its token came from outside

    @property
    def uptime_s(self) -> float:
        """How long it has been running."""
        return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(self.started_at)).total_seconds())

    def __str__(self) -> str:
        """Which one it is, in the middle of a sentence."""
        since = datetime.fromisoformat(self.started_at).astimezone().strftime("%d %b %H:%M")
        return f"{_NAMES[self.kind]} (pid {self.pid}, since {since})"


_NAMES = {
    EngineKind.DAEMON: "the daemon",
    EngineKind.COMMAND: "the engine of another command",
    EngineKind.SIDECAR: "the engine of an app",
}


def announce(presence: Presence) -> None:
    """Write it into the data folder. One that cannot be written leaves the engine as good as it is."""
    with (
        suppress(OSError),
        atomic_write(Path(presence.data_dir) / FILE, mode=0o600, durable=False) as file,
    ):
        file.write(msgspec.json.encode(presence))


def withdraw(data_dir: Path) -> None:
    """Remove what this process has announced. Another engine may have come meanwhile: its own is left."""
    said = _read(data_dir)
    if said is not None and said.pid == os.getpid():
        (data_dir / FILE).unlink(missing_ok=True)


def engine_in(data_dir: Path) -> Presence | None:
    """The engine that uses this data folder; None if none has announced itself, or it is gone."""
    said = _read(data_dir)
    return said if said is not None and _answers(said.url) else None


def _read(data_dir: Path) -> Presence | None:
    try:
        return msgspec.json.decode((data_dir / FILE).read_bytes(), type=Presence)
    except (OSError, msgspec.MsgspecError):
        return None


def _answers(url: str) -> bool:
    """A killed engine leaves its file; its port is then closed, unless something else got the same number."""
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 0), PROBE_S).close()
    except OSError:
        return False
    return True
