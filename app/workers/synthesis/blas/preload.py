"""The BLAS that MLX multiplies with on Linux, loaded before MLX is imported.

MLX's wheel for Linux is linked to the reference BLAS, some twenty times slower than OpenBLAS. MLX looks functions
up by name, and finds them first in a library whose symbols are global in the process. On macOS it uses Accelerate.

`load` runs on the worker's thread that will import MLX.
"""

import ctypes
import logging
import os
import sys
from collections.abc import Generator
from contextlib import closing, suppress
from pathlib import Path

from app.workers.synthesis.blas import cache as copies

logger = logging.getLogger(__name__)

#: Where a bundle has the copy, below its folder.
BUNDLED = "blas/libopenblas.so"

#: The names of the library in Debian, Fedora and conda, for when there is no copy.
SYSTEM_LIBRARIES = ("libopenblas.so.0", "libopenblas.so")


def load(cache: Path | None = None) -> str:
    """Load an OpenBLAS with global symbols: its name, "OpenBLAS 0.3.34 (Zen)", or empty if there is none.

    `cache` is the folder of the copy, by default the user's cache folder.
    """
    if sys.platform != "linux":
        return ""
    # With more threads, a row's result would depend on how many rows there are, and the products of a few rows are
    # too small to share. The decode loop's second stream is what keeps a second core busy.
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
    with closing(_libraries(cache)) as libraries:
        library = next(libraries, None)
    return "" if library is None else _name_of(library)


def _libraries(cache: Path | None) -> Generator[ctypes.CDLL]:
    """Libraries from the best to the last resort; each is loaded only when it is asked for."""
    bundle = getattr(sys, "_MEIPASS", "")
    if bundle:
        yield from _opened(str(Path(bundle) / BUNDLED))
    else:
        path: Path | None = None
        for copy in (copies.kept(cache), copies.used_once()):
            try:
                with copy as path:
                    library = ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
            except OSError as error:  # the cache may be on a medium from which nothing can be run
                logger.warning("this copy of OpenBLAS cannot be used: %s", error)
                if path is None:  # it could not be made, wherever it goes
                    break
            else:
                yield library
    for name in SYSTEM_LIBRARIES:
        yield from _opened(name)


def _opened(path: str) -> Generator[ctypes.CDLL]:
    with suppress(OSError):
        yield ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)


def _name_of(library: ctypes.CDLL) -> str:
    words = _said(library, "openblas_get_config").split()
    version = words[1] if len(words) > 1 else ""
    core = _said(library, "openblas_get_corename")
    return f"OpenBLAS {version}".strip() + (f" ({core})" if core else "")


def _said(library: ctypes.CDLL, name: str) -> str:
    try:
        function = library[name]
    except AttributeError:  # some builds leave it out
        return ""
    function.restype = ctypes.c_char_p
    return (function() or b"").decode(errors="replace")
