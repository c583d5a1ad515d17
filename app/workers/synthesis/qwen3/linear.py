"""Linear layers as the loop wants them: those of one input as one, in the layout that is quick where it runs."""

# mlx-audio has no types, and those of MLX are half unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias

import mlx.core as mx
import mlx.nn as nn

Linear: TypeAlias = Callable[[mx.array], mx.array]

#: As many as the widest buffer has.
_ROWS = 8

#: Half of what OpenBLAS takes for a small product, of which it makes no copies.
_MAX_PRODUCTS = 1 << 19


def taken(owner: Any, *names: str, aside: mx.Stream | None = None) -> Linear:
    """Take layers out of a module, as one whose outputs are theirs, one behind the other.

    Exact, also for quantized layers: their groups run along the input. The module loses them, or the weights would
    be in memory twice. `aside` is the stream of a second core, which takes a half where there are many rows.
    """
    layers = [getattr(owner, name) for name in names]
    for name in names:
        setattr(owner, name, None)
    return joined(*layers, aside=aside)


def joined(*layers: Any, aside: mx.Stream | None = None) -> Linear:
    """The same for layers that the caller has taken out. Those that are not stored alike stay apart."""
    first = layers[0]
    if any(_form(layer) != _form(first) for layer in layers):
        parts = [joined(layer, aside=aside) for layer in layers]
        return lambda x: mx.concatenate([part(x) for part in parts], axis=-1)
    arrays = {name: mx.concatenate([layer[name] for layer in layers]) for name in first.parameters()}
    if isinstance(first, nn.QuantizedLinear):
        return _quantized(first, arrays)
    if mx.default_device().type is not mx.gpu:
        return _Columns(arrays["weight"], arrays.get("bias"), aside)
    linear: Any = nn.Linear(1, 1, bias=False)
    return _filled(linear, arrays)


def _form(layer: Any) -> tuple[Any, ...]:
    """What layers must have in common to be one."""
    quantized = (layer.bits, layer.group_size, layer.mode) if isinstance(layer, nn.QuantizedLinear) else ()
    return (*quantized, *layer.parameters())


def _quantized(like: Any, arrays: dict[str, mx.array]) -> Linear:
    size, bits = like.group_size, like.bits
    # MLX makes no empty layer of fewer inputs than 32; the arrays bring their own size.
    return _filled(nn.QuantizedLinear(max(size, 32), 1, False, size, bits, like.mode), arrays)


def _filled(layer: Any, arrays: dict[str, mx.array]) -> Linear:
    for name, array in arrays.items():
        layer[name] = array
    layer.freeze()
    mx.eval(layer.parameters())
    return layer


class _Columns:
    """Weights in blocks of columns, [blocks, in, columns], for a CPU.

    BLAS copies the whole of a matrix before it multiplies it with a few rows, which takes longer than to multiply.
    OpenBLAS does not where rows x in x columns are a million or less, so blocks are so narrow that eight rows stay
    below that, and rows are taken by eight. That is three times as fast, and a row's outputs do not depend on how
    many rows there are.

    Only the AVX-512 kernel does that; elsewhere a row is rounded differently depending on how many rows stand
    beside it, so products are padded with rows of zeros until that makes no difference.

    A block meets all rows before the next one does, so it comes from memory once. OpenBLAS's own threads are of no
    use with products so small; half of the blocks go to the stream `aside` instead, when there are many rows.
    """

    def __init__(self, weight: mx.array, bias: mx.array | None, aside: mx.Stream | None) -> None:
        self._outputs, inputs = weight.shape
        width = _width(inputs, self._outputs)
        blocks = weight.T.reshape(inputs, self._outputs // width, width).swapaxes(0, 1)
        self._blocks, self._bias, self._aside = mx.contiguous(blocks)[:, None], bias, aside
        self._least = min_rows(inputs, width)
        mx.eval(self._blocks)

    def __call__(self, x: mx.array) -> mx.array:
        rows = x.reshape(-1, x.shape[-1])
        count = rows.shape[0]
        group = _ROWS if count > _ROWS else count + -count % self._least
        if missing := -count % group:
            rows = mx.pad(rows, [(0, missing), (0, 0)])
        groups = rows.reshape(-1, group, x.shape[-1])
        y = self._products(groups).transpose(1, 2, 0, 3).reshape(-1, self._outputs)[:count]
        y = y.reshape(*x.shape[:-1], self._outputs)
        return y if self._bias is None else y + self._bias

    def _products(self, groups: mx.array) -> mx.array:
        """Of [groups, rows, in] with each block: [blocks, groups, rows, columns]."""
        half = len(self._blocks) // 2
        if self._aside is None or not half or len(groups) == 1:
            return groups @ self._blocks
        first = mx.matmul(groups, self._blocks[:half], stream=self._aside)
        return mx.concatenate([first, groups @ self._blocks[half:]])


@cache
def min_rows(inputs: int, columns: int) -> int:
    """The smallest n such that products whose number of rows is a multiple of n, up to eight, give every row the
    same result. Found by trial; the values do not matter, since kernels are chosen by shape.
    """
    weight, rows = (mx.random.normal(shape, key=mx.random.key(0)) for shape in ((inputs, columns), (_ROWS, inputs)))
    whole = rows @ weight

    def same(start: int, count: int) -> mx.array:
        return (rows[start : start + count] @ weight == whole[start : start + count]).all()

    for least in (1, 2, 4):
        found = [same(start, count) for count in range(least, _ROWS, least) for start in range(_ROWS - count + 1)]
        if bool(mx.stack(found).all()):
            return least
    return _ROWS


def _width(inputs: int, outputs: int) -> int:
    """Of a block: a part of all outputs, and no wider than the product of eight rows with it may be."""
    most = _MAX_PRODUCTS // (_ROWS * inputs)
    return next((width for width in range(min(most, outputs), 15, -1) if outputs % width == 0), outputs)
