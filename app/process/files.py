"""Files on disk: whole or not there at all, and what a power cut must not undo."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO


@contextmanager
def atomic_write(
    path: Path, *, mode: int | None = None, durable: bool = True, unique: bool = False
) -> Generator[BinaryIO]:
    """Write a whole file or none: to a new file beside it, which is renamed when the block ends. Blocks.

    Until then `path` is what it was before. `mode` and `unique` are as for `new_file_beside`. With `durable` the
    content is flushed to disk before it gets its name; to make the name durable too, call `sync_folder` afterwards.
    Raises OSError.
    """
    with new_file_beside(path, mode=mode, unique=unique) as file:
        yield file
        file.flush()
        if durable:
            os.fsync(file.fileno())
        Path(file.name).replace(path)


@contextmanager
def new_file_beside(path: Path, *, mode: int | None = None, unique: bool = False) -> Generator[BinaryIO]:
    """A new, empty file in the folder of `path`, which is gone when the block ends unless it was renamed. Blocks.

    `mode` is its exact mode, whatever the umask; None is what any program would give it. Its name is derived from
    that of `path`, so that whatever a crash has left is replaced. With `unique` it is a random name, for folders in
    which others write, too. Raises OSError.
    """
    partial = path.with_name(f".q3tts-{token_hex(8)}.partial" if unique else f".{path.name}.partial")
    if not unique:
        partial.unlink(missing_ok=True)

    def create(name: str, flags: int) -> int:
        return os.open(name, flags, 0o666 if mode is None else 0o600)

    file = open(partial, "xb", opener=create)  # noqa: SIM115
    try:
        with file:
            if mode is not None and mode != 0o600:
                os.fchmod(file.fileno(), mode)
            yield file
    finally:
        partial.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Flush a folder to disk: the names of files that were made, renamed or removed in it. Blocks."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
