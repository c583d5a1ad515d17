"""A worker with a BLAS of one's choice: `python -m bench.blas_worker CHOICE FOLDER`. `bench.blas` starts it."""

import ctypes
import os
import sys
from pathlib import Path
from unittest.mock import patch

from app.workers.synthesis.blas import preload
from app.workers.synthesis.load import load
from app.workers.synthesis.main import main

#: What a choice loads before MLX is imported.
PACKAGED, REFERENCE, SYSTEM, SYSTEM_ONE = "packaged", "reference", "system", "system-one-thread"

_SYSTEM_NAME = "libopenblas.so.0"


def has_system_blas() -> bool:
    """Whether this machine has an OpenBLAS of its own."""
    try:
        ctypes.CDLL(_SYSTEM_NAME)
    except OSError:
        return False
    return True


def _load_system() -> str:
    ctypes.CDLL(_SYSTEM_NAME, mode=ctypes.RTLD_GLOBAL)
    return "OpenBLAS of the system"


def _load_system_with_one_thread() -> str:
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    return _load_system()


_LOADS = {
    PACKAGED: preload.load,
    REFERENCE: str,
    SYSTEM: _load_system,
    SYSTEM_ONE: _load_system_with_one_thread,
}

if __name__ == "__main__":
    with patch.object(preload, "load", _LOADS[sys.argv[1]]):
        sys.exit(main(lambda: load("qwen3", Path(sys.argv[2]))))
