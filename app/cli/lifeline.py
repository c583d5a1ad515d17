"""What keeps the engine of a command running: a named pipe in a private folder, which is the engine's standard
input. Every command that uses the engine holds the pipe open; when the last one lets go, the engine reads its end
and stops.

It does not know what an engine is.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

#: In the folder: the pipe, and what is left there for other commands.
PIPE, SOCKET, TOKEN = "lifeline", "sock", "token"

PREFIX = "q3tts-command-"

#: After this long, in seconds, a folder is locked, or nobody uses it any more.
STARTING_S = 60.0


class Lifeline:
    """The writing end of the pipe. Whoever holds it also has a shared lock of the token's file."""

    def __init__(self, folder: Path, lock: int, pipe: int) -> None:
        self.folder = folder
        self._lock, self._pipe = lock, pipe

    def write(self, line: bytes) -> None:
        """For the engine to read. Raises OSError when it has ended."""
        with open(self._pipe, "wb", closefd=False) as file:
            file.write(line)

    def release(self) -> bool:
        """Let go of it; whether nobody else holds it, so that the engine stops and the folder is gone.

        A lock of one's own alone is taken before the pipe is closed: nobody joins an engine that is about to stop.
        """
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            last = False
        else:
            last = True
            shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._pipe)
        os.close(self._lock)
        return last


@contextmanager
def new_lifeline(token: str) -> Generator[tuple[Lifeline, int]]:
    """A new one, with the reading end of its pipe for the engine that is started in the block. Whoever gets the
    lifeline releases it. The token is left for the commands that join.
    """
    _sweep(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    os.mkfifo(folder / PIPE, 0o600)
    (folder / TOKEN).write_text(token)  # the folder is private
    lock = _locked(folder)
    reading = os.open(folder / PIPE, os.O_RDONLY | os.O_NONBLOCK)  # without that it waits for a writer
    lifeline = Lifeline(folder, lock, os.open(folder / PIPE, os.O_WRONLY))
    os.set_blocking(reading, True)
    with closing(os.fdopen(reading, "rb", buffering=0)) as file:
        yield lifeline, file.fileno()


def join_lifeline(folder: Path) -> Lifeline | None:
    """That of an engine that another command has started; None if it stops, or has stopped."""
    try:
        lock = _locked(folder)
    except OSError:
        return None
    try:
        return Lifeline(folder, lock, os.open(folder / PIPE, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:  # nobody reads it
        os.close(lock)
        return None


def _sweep(place: Path) -> None:
    """Remove what commands have left that were killed: folders whose lock nobody holds."""
    for token in place.glob(f"{PREFIX}*/{TOKEN}"):
        with suppress(OSError), token.open("rb") as file:
            if time.time() - token.stat().st_mtime > STARTING_S:  # one that has just been made is not locked yet
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for name in (SOCKET, PIPE, TOKEN):  # and nothing else, should somebody use such a name
                    (token.parent / name).unlink(missing_ok=True)
                token.parent.rmdir()


def _locked(folder: Path) -> int:
    fd = os.open(folder / TOKEN, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise
    return fd
