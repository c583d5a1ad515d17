"""What a check of the self-test may find, and the place that all checks share: a private folder, and an engine that
is started when the first one needs it. It does not know what is checked.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct

from app.process.executable import is_frozen, unpacked
from app.selftest.sidecar import SidecarEngine

#: Says in one line what it saw, or that and a warning. Raises `Wrong`.
Look = Callable[["Place"], "str | Seen"]

#: What to do when temporary files cannot be written.
NO_ROOM = "make room, or set TMPDIR to a folder that can be written to"

#: Characters of what is wrong; bytes of the temporary folder's path.
LONGEST, MAX_TMPDIR = 400, 70


def brief(message: str) -> str:
    """In one line, and not too long: what libraries say at length, they say at its beginning and at its end."""
    line = " ".join(message.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST // 3]} … {line[-(LONGEST // 2) :]}"


class Wrong(Exception):
    """A check failed: what is wrong, and what to do about it."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(brief(message))
        self.remedy = remedy


class Seen(NamedTuple):
    """What a check saw, and what works, but badly."""

    saw: str
    warning: str


class Finding(Struct, frozen=True, kw_only=True):
    """How a check went."""

    name: str
    ok: bool
    saw: str  #: in one line; of one that failed, what is wrong
    remedy: str = ""
    warning: str = ""  #: what works, but badly, and what to do about it
    seconds: float


class Form(NamedTuple):
    """What kind of program this is."""

    name: str
    remedy: str  #: of a part that is missing


def form() -> Form:
    """How this program was made, and so, how a part that is missing comes back."""
    if not is_frozen():
        return Form("Python package", "install q3tts again: something that it needs is missing or damaged")
    name = "single file" if unpacked() else "folder"
    return Form(name, "build or copy the bundle again: this one is not whole")


class Place:
    """Where one run of the self-test lives."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data_dir, self.models_dir = folder / "data", folder / "models"
        self.socket_path = folder / "sock"
        self._engine: SidecarEngine | None = None
        self._why_none = ""

    def engine(self) -> SidecarEngine:
        """The running engine. Raises `Wrong`, with the same message each time, when it does not start."""
        if self._why_none:
            raise Wrong(self._why_none, "see what the check `engine` found")
        if self._engine is None:
            self.models_dir.mkdir(mode=0o700, exist_ok=True)
            engine = SidecarEngine(self.folder, self.data_dir, self.models_dir, self.socket_path)
            try:
                engine.start()
            except OSError as error:
                engine.kill()
                self._why_none = f"the engine does not start: {error}"
                raise Wrong(self._why_none, form().remedy) from error
            self._engine = engine
        return self._engine

    def leave(self) -> None:
        """End the engine, if there still is one."""
        if self._engine is not None:
            self._engine.kill()


@contextmanager
def place() -> Generator[Place]:
    """A private folder with a short name, which is gone afterwards, and so is every process. Raises `Wrong`."""
    # A Unix socket's path may have no more than about 100 bytes.
    elsewhere = "/tmp" if os.name == "posix" and len(os.fsencode(tempfile.gettempdir())) > MAX_TMPDIR else None
    try:
        folder = Path(tempfile.mkdtemp(prefix="q3tts-selftest-", dir=elsewhere))
    except OSError as error:
        raise Wrong(
            f"no temporary folder can be made: {error}",
            NO_ROOM,
        ) from error
    here = Place(folder)
    try:
        yield here
    finally:
        here.leave()
        shutil.rmtree(folder, ignore_errors=True)


def private(path: Path) -> bool:
    """Whether nobody else may look into it."""
    return os.name != "posix" or not path.stat().st_mode & 0o077
