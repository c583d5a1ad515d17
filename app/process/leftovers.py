"""What single-file bundles have unpacked and could not remove, because they were killed: PyInstaller's bootloader
removes its folder only when it ends in order.

The bundle brings a mark (`frozen/qwen-tts.spec`), and each of its processes holds a shared lock in the folder that
it uses. A folder with the mark is removed when nobody holds its lock; or, where no process has come as far as
making one, when it is too old to be still in the making. Folders of other programs have no mark.
"""

import logging
import os
import shutil
import stat
import sys
import time
from contextlib import suppress
from pathlib import Path

from app.process.executable import unpacked_folder

#: Unpacked first, so that what is left of a start that was killed is known as well.
MARK = "0-q3tts-unpacked"
#: Made by the first process that runs there, and locked by all.
LOCK = "q3tts-in-use"

#: Nothing takes that long to unpack.
UNPACKING_S = 600.0

logger = logging.getLogger(__name__)


def hold_unpacked() -> None:
    """Keep the folder that this process runs from, if that was unpacked for it, until the process ends."""
    if sys.platform == "win32" or (folder := unpacked_folder()) is None:
        return
    import fcntl

    with suppress(OSError):  # a folder without a lock stays, that is all
        # Under another name until it is locked: nobody ever sees the lock of a process that lives as free.
        new = folder / f"{LOCK}.{os.getpid()}"
        try:
            held = os.open(folder / LOCK, os.O_RDONLY)
        except FileNotFoundError:
            held = os.open(new, os.O_RDONLY | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)  # never closed, and not inherited
        with suppress(FileNotFoundError):
            new.rename(folder / LOCK)


def sweep_leftovers() -> None:
    """Remove what others of this program have left beside the folder of this process, if that was unpacked."""
    own = unpacked_folder()
    if own is None:
        return
    for folder in own.parent.glob("_MEI*"):
        if folder.name != own.name and _abandoned(folder):
            logger.info("removing %s, which a process that was killed has left", folder)
            _remove(folder)


def _abandoned(folder: Path) -> bool:
    """Whether the folder is this user's, of this program, and used by nobody."""
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        about = folder.lstat()
        if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid():
            return False
        mark = (folder / MARK).lstat()
    except OSError:
        return False
    try:
        lock = os.open(folder / LOCK, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return time.time() - max(mark.st_mtime, about.st_mtime) > UNPACKING_S
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(lock)
    return True


def _remove(folder: Path) -> None:
    """The marks last: what is not removed this time is known the next time."""
    with suppress(OSError):
        for path in folder.iterdir():
            if path.name not in (MARK, LOCK):
                with suppress(OSError):
                    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    shutil.rmtree(folder, ignore_errors=True)
