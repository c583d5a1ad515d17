"""What a log does with its file descriptors. Blocks; raises OSError."""

import os
import sys
from contextlib import ExitStack
from pathlib import Path


def open_file(path: Path, how: int, files: ExitStack) -> int:
    """Open a file, which `files` closes."""
    file = os.open(path, how | os.O_CLOEXEC, 0o600)
    files.callback(os.close, file)
    return file


def write_all(fd: int, data: bytes, offset: int) -> None:
    """Write at a place, also where the system takes only a part at a time."""
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, offset)
        view, offset = view[written:], offset + written


def sync(fd: int) -> None:
    """Flush a file's content to the disk."""
    if sys.platform == "darwin":  # there, fsync leaves the data in the drive's cache
        import fcntl

        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
    else:
        os.fdatasync(fd)
