"""MLX as the worker has it: prepared before it is imported, and asked where it computes and how well.

`prepare` must run before the first import of `mlx`, in the process and on the thread that will use it. Nothing here
knows a model.
"""

import importlib.util
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from app.inference.processor import REFERENCE_BLAS, Processor
from app.workers.synthesis.blas import preload

if TYPE_CHECKING:
    import mlx.core as mx

#: Side of the square matrices whose product is timed.
_TIMED = 512


def prepare() -> str:
    """Make MLX fast where that needs help, and keep its libraries off the network. Returns the BLAS it loaded."""
    # What is installed is loaded from its folder. No library may ask a hub about it.
    os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    # The tokenizers' threads are of no use here, and warn when the process forks.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    resample_on_use()
    return preload.load()


def resample_on_use() -> None:
    """Keep SciPy out until something is resampled: mlx-audio imports it with every codec, for what few models need,
    and it takes a third of the time to load one.
    """
    with suppress(ImportError):  # a bundle has no SciPy
        _import_on_use("scipy", "signal")


def _import_on_use(package: str, name: str) -> None:
    """Import a module of a package when somebody first reads one of its attributes."""
    full, parent = f"{package}.{name}", import_module(package)
    spec = importlib.util.find_spec(full)
    if full in sys.modules or spec is None or spec.loader is None:
        return
    spec.loader = importlib.util.LazyLoader(spec.loader)
    sys.modules[full] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    setattr(parent, name, module)  # otherwise `from package import name` asks the module, and so imports it


def device() -> str:
    """What MLX computes on: "metal", "cuda" or "cpu"."""
    import mlx.core as mx

    if mx.default_device().type is not mx.gpu:
        return "cpu"
    return "metal" if mx.metal.is_available() else "cuda"


def processor(loaded: str) -> Processor:
    """What MLX computes on, and on a CPU how fast; `loaded` is what `prepare` said."""
    where = device()
    if where != "cpu":
        return Processor(where)
    return Processor(where, loaded or (REFERENCE_BLAS if sys.platform == "linux" else "Accelerate"), _gflops())


def _gflops() -> float:
    import mlx.core as mx

    square = mx.ones((_TIMED, _TIMED))
    mx.eval(square)  # pyright: ignore[reportUnknownMemberType]  # half unknown

    def multiply() -> None:
        mx.eval(square @ square)  # pyright: ignore[reportUnknownMemberType]

    return 2 * _TIMED**3 / min(_seconds(multiply) for _ in range(4)) / 1e9


def second_core() -> "mx.Stream | None":
    """Where it computes on the CPU, a stream beside the one of this thread, each of which is served by a core."""
    import mlx.core as mx

    return mx.new_stream(mx.default_device()) if device() == "cpu" else None


def without_compiler() -> None:
    """Where it computes on the CPU, keep MLX from calling g++ for what `mx.compile` is around.

    That takes half a minute before the first word, for nothing that could be measured, and what it makes is loaded
    from a folder in /tmp that anybody may have filled before.
    """
    import mlx.core as mx

    if device() == "cpu":
        mx.disable_compile()


def batches_pay() -> bool:
    """Whether eight rows cost much less than eight times one. With the reference BLAS they do not."""
    import mlx.core as mx

    if device() != "cpu":
        return True
    weight, rows = mx.ones((1024, 1024)), (mx.ones((1, 1024)), mx.ones((8, 1024)))
    mx.eval(weight, rows)  # pyright: ignore[reportUnknownMemberType]  # half unknown

    def multiply(x: mx.array) -> None:
        mx.eval(x @ weight)  # pyright: ignore[reportUnknownMemberType]

    one, eight = (min(_seconds(partial(multiply, x)) for _ in range(5)) for x in rows)
    return eight < 4 * one


def _seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def memory_budget_bytes() -> int:
    """What may be filled beside the weights: half of the accelerator's memory, or of this machine's."""
    import mlx.core as mx

    recommended = 0
    if device() != "cpu":
        recommended = int(mx.device_info().get("max_recommended_working_set_size", 0))
    whole = recommended or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(whole // 2 - mx.get_active_memory(), 64 << 20)
