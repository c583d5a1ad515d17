"""Multiplies with MLX as a worker does, and prints as JSON which BLAS did it. The arguments name the system's."""

import ctypes
import json
import sys

from app.workers.synthesis import mlx_runtime
from app.workers.synthesis.blas import preload


class Symbol(ctypes.Structure):
    """What `dladdr` finds: `Dl_info` of dlfcn.h."""

    _fields_ = (
        ("file", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    )


def main() -> None:
    preload.SYSTEM_LIBRARIES = tuple(sys.argv[1:])
    loaded = mlx_runtime.prepare()
    early = "mlx.core" in sys.modules
    import mlx.core as mx

    (mx.ones((64, 64)) @ mx.ones((64, 64))).tolist()
    process, symbol = ctypes.CDLL(None), Symbol()
    process.dladdr(ctypes.cast(process.cblas_sgemm, ctypes.c_void_p), ctypes.byref(symbol))
    count = getattr(process, "scipy_openblas_get_num_threads", None)
    found = {"loaded": loaded, "early": early, "file": symbol.file.decode(), "threads": count and count()}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
