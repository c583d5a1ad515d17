"""The copy of OpenBLAS in the user's cache folder: made once, named after its content, and trusted only where
nobody else could have put it.
"""

import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from app.workers.synthesis.blas import openblas_copy

#: The age at which copies of other versions, and what a killed process has left, are removed. In seconds.
_OLD_COPY_S, _OLD_WORK_S = 30 * 86_400, 3_600


@contextmanager
def kept(folder: Path | None = None) -> Generator[Path]:
    """The path of the copy in a folder, by default the user's cache folder; it is made if it is not there.

    If that folder cannot be used, or others could put something into it, this is `used_once`. Raises OSError.
    """
    path = _kept_in(folder or _cache_folder())
    if path is not None:
        yield path
        return
    with used_once() as path:
        yield path


@contextmanager
def used_once() -> Generator[Path]:
    """The path of a copy that is removed after the block; a library that was loaded from it stays loaded. Raises
    OSError.
    """
    with tempfile.TemporaryDirectory(prefix="q3tts-blas-") as folder:
        yield _made_in(Path(folder))


def _cache_folder() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("q3tts") / "blas"


def _kept_in(folder: Path) -> Path | None:
    with suppress(OSError):
        if _may_be_made(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if _is_private(folder):
                return _found_in(folder) or _made_in(folder)
    return None


def _may_be_made(folder: Path) -> bool:
    """Whether it exists, or would be made in a folder of this user's: not in another user's home, as under sudo."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return there.stat().st_uid == os.geteuid()


def _is_private(folder: Path) -> bool:
    """Whether only this user and root can put a library there, which the worker would run, be it into the folder or
    by moving one of the folders above it.
    """
    if folder.stat().st_uid != os.geteuid():
        return False
    resolved = folder.resolve()
    return not _others_write(resolved.stat()) and all(
        above.st_uid in (os.geteuid(), 0) and (above.st_mode & stat.S_ISVTX or not _others_write(above))
        for above in map(Path.stat, resolved.parents)
    )


def _others_write(status: os.stat_result) -> bool:
    """Whether others may write to it. A group with the user's own number has no other members, by custom."""
    others = stat.S_IWOTH if status.st_gid == os.geteuid() else stat.S_IWOTH | stat.S_IWGRP
    return bool(status.st_mode & others)


def _found_in(folder: Path) -> Path | None:
    """An intact copy of the installed version."""
    return next((path for path in folder.glob(f"{_stem()}-*.so") if path.name == _name(path)), None)


def _made_in(folder: Path) -> Path:
    """Make the copy, which appears under its name only when it is whole; remove what is old and no longer used."""
    with tempfile.TemporaryDirectory(prefix=".making-", dir=folder) as making:
        made = Path(making) / "libopenblas.so"
        openblas_copy.write_copy(made)
        target = folder / _name(made)
        os.replace(made, target)
    now = time.time()
    for other in folder.glob(f"libopenblas-*-{os.uname().machine}-*.so"):
        if other != target and now - other.stat().st_mtime > _OLD_COPY_S:
            other.unlink(missing_ok=True)
    for left in folder.glob(".making-*"):
        if now - left.stat().st_mtime > _OLD_WORK_S:
            shutil.rmtree(left, ignore_errors=True)
    return target


def _name(copy: Path) -> str:
    with copy.open("rb") as content:
        return f"{_stem()}-{hashlib.file_digest(content, 'sha256').hexdigest()[:32]}.so"


def _stem() -> str:
    """Changes with the version, the renamed symbols and the machine, since machines may share a home folder."""
    names = hashlib.sha256(" ".join(openblas_copy.NAMES).encode()).hexdigest()[:8]
    try:
        return f"libopenblas-{version(openblas_copy.PACKAGE)}-{names}-{os.uname().machine}"
    except PackageNotFoundError as error:
        raise FileNotFoundError(f"the package {openblas_copy.PACKAGE} is not installed") from error
