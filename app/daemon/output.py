"""The file that a client wants: looked at before anything is spoken, and there as a whole or not at all."""

import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from app.audio.wav import WavFile
from app.errors import InvalidRequest, StorageFailed
from app.process.files import sync_folder

#: As any program makes files; the user's own mask takes from it.
FILE_MODE = 0o644

COPIED_AT_ONCE = 1 << 20


def checked_output(wanted: str) -> Path:
    """Where the file goes. Blocks. Raises `InvalidRequest` when it cannot be made there."""
    if not wanted.startswith("/"):
        raise _refused(f"{wanted!r} is relative, and the daemon has another current folder; give an absolute path")
    if not wanted.lower().endswith(".wav"):
        raise _refused(f"{wanted!r} does not end in .wav, which is what is written")
    try:
        path = Path(os.path.realpath(wanted))  # where a link leads to: the link stays
        if path.is_dir():
            raise _refused(f"{wanted} is a folder; name a file in it")
        if os.path.lexists(path) and not path.is_file():
            raise _refused(f"{wanted} is there and is no file")
        if not path.parent.is_dir():
            raise _refused(f"the folder {path.parent} is not there; make it first")
        with _partial(path):
            pass
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise _refused(f"{wanted} cannot be written: {why}") from error
    return path


def save(wav: WavFile, path: Path, *, umask: int) -> None:
    """Copy the audio there, renamed into place once it is on the medium. Blocks. Raises `StorageFailed`."""
    try:
        with open(wav.path, "rb") as source, _partial(path) as (partial, target):
            target.write(wav.head)
            source.seek(wav.offset)
            left = wav.size
            while left and (block := source.read(min(left, COPIED_AT_ONCE))):
                target.write(block)
                left -= len(block)
            if left:
                raise StorageFailed("the job's audio is not whole: its file ends before its row says")
            target.flush()
            os.fchmod(target.fileno(), FILE_MODE & ~umask)
            os.fsync(target.fileno())
            partial.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise StorageFailed(f"{path} cannot be written: {error.strerror or error}") from error


@contextmanager
def _partial(path: Path) -> Generator[tuple[Path, BinaryIO]]:
    """A new file beside the target, under a name that nobody has; gone when the block ends, unless renamed."""
    partial = path.with_name(f".q3tts-{secrets.token_hex(6)}.partial")
    fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            yield partial, file
    finally:
        partial.unlink(missing_ok=True)


def _refused(why: str) -> InvalidRequest:
    return InvalidRequest(f"output: {why}", fields=[{"field": "output", "message": why}])
