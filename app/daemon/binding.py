"""Where the daemon listens: a Unix socket at a path, for one daemon and one user.

Light, so that it is bound before the heavy imports, and a daemon that runs already is noticed at once. It does not
know what is said there.
"""

import os
import socket
import stat
import sys
import time
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from app.errors import StartFailed

#: What fits into a `sockaddr_un`, with a zero after it.
MAX_PATH_BYTES = (104 if sys.platform == "darwin" else 108) - 1

#: Clients that may wait to be let in.
BACKLOG = 512

#: Whoever listens lets a caller in at once; this is for one that hangs.
PROBE_S = 1.0

#: Another one that starts here takes some milliseconds.
LOCK_PATIENCE_S, LOCK_POLL_S = 5.0, 0.01


class Bound:
    """A socket that listens, and its file."""

    def __init__(self, path: Path, sock: socket.socket) -> None:
        self.path, self.sock = path, sock
        self._file = _file_at(path)

    def remove(self) -> None:
        """Take the file away, unless it has become another's.

        Before the socket is closed: until then whoever starts here finds it alive and leaves it alone, so that it
        cannot become another's between the look and the removal.
        """
        with suppress(OSError):
            if self._file is not None and self._file == _file_at(self.path):
                self.path.unlink()
        self._file = None  # a number is used again by the file system: what comes there later is not ours

    def close(self) -> None:
        """Nobody listens any more. A second time is nothing."""
        self.remove()
        self.sock.close()


def bind_socket(path: Path) -> Bound:
    """Listen there. Raises `StartFailed`: 64 for a path that cannot be one, 75 when a daemon listens there already,
    74 for everything else, and then nothing has been touched.
    """
    if not hasattr(socket, "AF_UNIX"):
        raise StartFailed("this system has no Unix sockets for Python", exit_code=69)
    path = Path(os.path.abspath(path))
    name = os.fsencode(path)
    if len(name) > MAX_PATH_BYTES or b"\0" in name:
        raise StartFailed(
            f"{len(name)} bytes are too long for a socket's path, or it has a NUL: {MAX_PATH_BYTES} are possible; "
            "choose another --socket",
            exit_code=64,
        )
    try:
        with _alone_in(path.parent):
            _make_way(path)
            return _bound(path)
    except OSError as error:
        why = f"no socket can be made at {path}: {error.strerror or error}; choose another --socket"
        raise StartFailed(why, exit_code=74) from error


@contextmanager
def _alone_in(folder: Path) -> Generator[None]:
    """While nobody else of us binds in that folder.

    Of two that start at once, both may find the same stale file; without this the later one would remove the socket
    that the earlier one has made meanwhile. The folder itself is locked, so that no lock file is left beside the
    socket; the system lets go of it when the process ends, however it ends.
    """
    import fcntl  # not on Windows

    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        deadline = time.monotonic() + LOCK_PATIENCE_S
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(LOCK_POLL_S)
            except OSError:
                break  # a file system that has no locks: two that start at once are rare
        yield
    finally:
        os.close(fd)


def _make_way(path: Path) -> None:
    """Remove what a daemon left that was killed. Raises `StartFailed` for anything else that is there."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise StartFailed(f"{path} exists and is not a socket; choose another --socket", exit_code=74)
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
        probe.settimeout(PROBE_S)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
        except (BlockingIOError, TimeoutError):
            pass  # somebody listens, and lets nobody in
    raise StartFailed(f"another daemon listens at {path}; stop it with: q3tts stop", exit_code=75)


def _bound(path: Path) -> Bound:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # Its owner's alone from the first moment. The mask is the whole process's, which has one thread by now.
    before = os.umask(0o177)
    try:
        sock.bind(str(path))
        bound = Bound(path, sock)
    except BaseException:
        sock.close()
        raise
    finally:
        os.umask(before)
    try:
        sock.listen(BACKLOG)
    except BaseException:
        bound.close()
        raise
    sock.setblocking(False)
    return bound


def _file_at(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino
