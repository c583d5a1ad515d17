"""MLX as the worker has it: prepared before it is imported, and asked where it computes.

`prepare` must run before the first import of `mlx`, in the process and on the thread that will use it. Nothing here
knows a model.
"""

import ctypes
import os
import sys
from contextlib import suppress

#: What Debian and Fedora call it, and conda; found by name because pip's wheels have only renamed copies. Python's
#: own search would start a compiler to find nothing more.
_OPENBLAS = ("libopenblas.so.0", "libopenblas.so")


def prepare() -> str | None:
    """Make MLX quick where that needs help, and keep its libraries from the network; the BLAS that was loaded.

    On Linux, MLX's wheel brings the reference BLAS. One that is in the process already, with its names open to all,
    is used instead: matrix products become up to 13 times as fast.
    """
    # What is installed is loaded from its folder. No library may ask a hub about it.
    os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    # The tokenizers' threads are of no use here, and warn when the process forks.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    if sys.platform != "linux":
        return None
    return next(filter(_loaded, _OPENBLAS), None)


def _loaded(name: str) -> bool:
    with suppress(OSError):
        ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
        return True
    return False


def device() -> str:
    """What MLX computes on: "metal", "cuda" or "cpu"."""
    import mlx.core as mx

    if mx.default_device().type is not mx.gpu:
        return "cpu"
    return "metal" if mx.metal.is_available() else "cuda"


def without_compiler() -> None:
    """Where it computes on the CPU, keep MLX from calling g++ for what `mx.compile` is around.

    That takes half a minute before the first word, for nothing that could be measured, and what it makes is loaded
    from a folder in /tmp that anybody may have filled before.
    """
    import mlx.core as mx

    if device() == "cpu":
        mx.disable_compile()
