"""What MLX is asked to do, counted without a clock: the nodes of graphs that nobody has computed yet, and how often
somebody waits for one. It knows neither of the two that are compared.
"""

# Those of MLX are half unknown.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import io
import re
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from typing import Any, cast
from unittest.mock import patch

import mlx.core as mx
import numpy as np
from mlx.utils import tree_flatten

_PRIMITIVE = re.compile(r'\[label ="([^"]*)", shape=rectangle\]')

#: These only say how memory is read; nothing is launched for them, mostly.
_VIEWS = frozenset(
    {
        "AsStrided", "Broadcast", "BroadcastAxes", "ExpandDims", "Flatten", "Reshape", "Slice", "Split", "Squeeze",
        "StopGradient", "Transpose", "Unflatten", "View",
    }
)  # fmt: skip

#: What makes a number of an array in Python waits for it.
_READERS = ("item", "tolist", "__int__", "__float__", "__bool__")


#: On a CPU MLX puts these together from a dozen others, on a GPU each is one kernel.
_FUSED = ("rms_norm", "layer_norm", "rope", "scaled_dot_product_attention")


def primitives(*trees: Any) -> Counter[str]:
    """How many of which kind must run before these are there, views left out. They must not be there yet."""
    arrays = [array for _, array in tree_flatten(trees) if isinstance(array, mx.array)]
    dot = io.StringIO()
    mx.export_to_dot(dot, *arrays)
    return Counter(name for name in _PRIMITIVE.findall(dot.getvalue()) if name not in _VIEWS)


@contextmanager
def as_on_a_gpu() -> Generator[None]:
    """Graphs that are built in here are those for a GPU, also where there is none. They must not be computed."""
    with ExitStack() as stack:
        if mx.default_device().type is not mx.gpu:
            stack.enter_context(patch.object(mx, "default_device", lambda: mx.Device(mx.gpu, 0)))
            for name in _FUSED:
                stack.enter_context(patch.object(mx.fast, name, _one_kernel))
        yield


def first_evaluated(work: Callable[[], object]) -> Counter[str]:
    """Of what `work` evaluates first. It gets no further."""

    def stop(*trees: Any) -> None:
        raise _Stopped(primitives(*trees))

    with patch.object(mx, "eval", stop), as_on_a_gpu():
        try:
            work()
        except _Stopped as stopped:
            return stopped.counted
    raise AssertionError("it has evaluated nothing")


class _Stopped(Exception):
    def __init__(self, counted: Counter[str]) -> None:
        super().__init__()
        self.counted = counted


def _one_kernel(x: mx.array, *args: Any, **options: Any) -> mx.array:
    """One node of the same shape, after the same arrays."""
    arrays = [array for array in (*args, *options.values()) if isinstance(array, mx.array)]
    return cast(mx.array, mx.depends(x, [x, *arrays]))


class Watched:
    """What was asked of MLX in the meantime."""

    def __init__(self) -> None:
        self.waits = 0  #: calls of `mx.eval`
        self.reads = 0  #: arrays that became numbers of Python, or arrays of NumPy


@contextmanager
def watched() -> Generator[Watched]:
    """Watch MLX. Nothing is timed meanwhile."""
    watch = Watched()
    compute, to_numpy = mx.eval, np.array

    def evaluate(*trees: Any) -> None:
        watch.waits += 1
        compute(*trees)

    def array(what: Any, *args: Any, **options: Any) -> Any:
        watch.reads += isinstance(what, mx.array)
        return to_numpy(what, *args, **options)

    def reading(read: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any) -> Any:
            watch.reads += 1
            return read(*args)

        return counted

    with ExitStack() as stack:
        stack.enter_context(patch.object(mx, "eval", evaluate))
        stack.enter_context(patch.object(np, "array", array))
        for name in _READERS:
            read = cast(Callable[..., Any], getattr(mx.array, name))
            stack.enter_context(patch.object(mx.array, name, reading(read)))
        yield watch
