"""Linear layers as the loop wants them: those of one input as one, in the layout that is quick where it runs."""

# mlx-audio has no types, and those of MLX are half unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from collections.abc import Callable
from typing import Any, TypeAlias

import mlx.core as mx
import mlx.nn as nn

Linear: TypeAlias = Callable[[mx.array], mx.array]


def taken(owner: Any, *names: str) -> Linear:
    """Take layers out of a module, as one whose outputs are theirs, one behind the other.

    Exact, also for quantized layers: their groups run along the input. The module loses them, or the weights would
    be in memory twice.
    """
    layers = [getattr(owner, name) for name in names]
    for name in names:
        setattr(owner, name, None)
    return joined(*layers)


def joined(*layers: Any) -> Linear:
    """The same for layers that the caller has taken out."""
    first = layers[0]
    arrays = {name: mx.concatenate([layer[name] for layer in layers]) for name in first.parameters()}
    if isinstance(first, nn.QuantizedLinear):
        return _quantized(first, arrays)
    if mx.default_device().type is not mx.gpu:
        return _Columns(arrays["weight"], arrays.get("bias"))
    linear: Any = nn.Linear(1, 1, bias=False)
    return _filled(linear, arrays)


def _quantized(like: Any, arrays: dict[str, mx.array]) -> Linear:
    size, bits = like.group_size, like.bits
    return _filled(nn.QuantizedLinear(size, 1, bias=False, group_size=size, bits=bits, mode=like.mode), arrays)


def _filled(layer: Any, arrays: dict[str, mx.array]) -> Linear:
    for name, array in arrays.items():
        layer[name] = array
    layer.freeze()
    mx.eval(layer.parameters())
    return layer


class _Columns:
    """Weights as [in, out]: with one row or a few, BLAS reads them half again as fast as [out, in]."""

    def __init__(self, weight: mx.array, bias: mx.array | None) -> None:
        self._matrix, self._bias = mx.contiguous(weight.T), bias
        mx.eval(self._matrix)

    def __call__(self, x: mx.array) -> mx.array:
        return x @ self._matrix if self._bias is None else mx.addmm(self._bias, x, self._matrix)
