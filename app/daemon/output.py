"""The file that a client asks for: checked before anything is spoken, and written as a whole or not at all."""

import os
from pathlib import Path, PurePosixPath

from app.audio.export.audio_file import AudioFile, is_replaceable
from app.audio.export.formats import endings, format_of
from app.errors import InvalidRequest, StorageFailed
from app.process.files import atomic_write, new_file_beside, sync_folder

#: As any program makes files; the user's own umask is subtracted.
FILE_MODE = 0o644

COPIED_AT_ONCE = 1 << 20


def checked_output(wanted: str) -> tuple[Path, str]:
    """Where the file goes, and its format, which the ending decides. Blocks. Raises `InvalidRequest` when it cannot
    be made there.
    """
    if not wanted.startswith("/"):
        raise _refused(f"{wanted!r} is relative, and the daemon has another current folder; give an absolute path")
    if (format := format_of(PurePosixPath(wanted))) is None:
        raise _refused(f"{wanted!r} has no ending that says which kind of file it will be; it can be {endings()}")
    try:
        path = Path(os.path.realpath(wanted))  # where a link leads to: the link stays
        if path.is_dir():
            raise _refused(f"{wanted} is a folder; name a file in it")
        if os.path.lexists(path) and not path.is_file():
            raise _refused(f"{wanted} exists and is not a regular file")
        if path.is_file() and not is_replaceable(path):
            raise _refused(f"{wanted} exists and is not an audio file; it is left as it is, give another name")
        if not path.parent.is_dir():
            raise _refused(f"the folder {path.parent} does not exist; create it first")
        with new_file_beside(path, unique=True):
            pass
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise _refused(f"{wanted} cannot be written: {why}") from error
    return path, format


def save(audio: AudioFile, path: Path, *, umask: int) -> None:
    """Copy the audio there, atomically and durably. Blocks. Raises `StorageFailed`."""
    try:
        with (
            open(audio.path, "rb") as source,
            atomic_write(path, mode=FILE_MODE & ~umask, unique=True) as target,
        ):
            target.write(audio.header)
            source.seek(audio.offset)
            left = audio.size
            while left and (block := source.read(min(left, COPIED_AT_ONCE))):
                target.write(block)
                left -= len(block)
            if left:
                raise StorageFailed("the job's audio is incomplete: its file is shorter than its row says")
        sync_folder(path.parent)
    except OSError as error:
        raise StorageFailed(f"{path} cannot be written: {error.strerror or error}") from error


def _refused(why: str) -> InvalidRequest:
    return InvalidRequest.about("output", f"output: {why}")
