"""Linear layers for batches of different sizes: layers with the same input are fused into one, in the layout that
is fast where they run.
"""

# mlx-audio has no types, and MLX's are partly unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias

import mlx.core as mx
import mlx.nn as nn

Linear: TypeAlias = Callable[[mx.array], mx.array]

#: Rows of one product: as many as the KV cache has slots at most.
_ROWS = 8

#: Half of the size below which OpenBLAS multiplies without copying the matrix.
_MAX_PRODUCTS = 1 << 19


def take_fused(owner: Any, *names: str, second_stream: mx.Stream | None = None) -> Linear:
    """Take layers out of a module, as one layer whose outputs are theirs, one after the other.

    Exact, also for quantized layers, whose groups run along the input. The module loses them, or the weights would
    be in memory twice. `second_stream` is served by a second core, which takes one half when there are many rows.
    """
    layers = [getattr(owner, name) for name in names]
    for name in names:
        setattr(owner, name, None)
    return fuse(*layers, second_stream=second_stream)


def fuse(*layers: Any, second_stream: mx.Stream | None = None) -> Linear:
    """The same for layers that the caller has taken out. Layers in different formats are computed one by one."""
    first = layers[0]
    if any(_format_of(layer) != _format_of(first) for layer in layers):
        parts = [fuse(layer, second_stream=second_stream) for layer in layers]
        return lambda x: mx.concatenate([part(x) for part in parts], axis=-1)
    arrays = {name: mx.concatenate([layer[name] for layer in layers]) for name in first.parameters()}
    if isinstance(first, nn.QuantizedLinear):
        return _quantized(first, arrays)
    if mx.default_device().type is not mx.gpu:
        return _ColumnBlocks(arrays["weight"], arrays.get("bias"), second_stream)
    linear: Any = nn.Linear(1, 1, bias=False)
    return _filled(linear, arrays)


def _format_of(layer: Any) -> tuple[Any, ...]:
    """What layers must have in common to be fused."""
    quantized = (layer.bits, layer.group_size, layer.mode) if isinstance(layer, nn.QuantizedLinear) else ()
    return (*quantized, *layer.parameters())


def _quantized(like: Any, arrays: dict[str, mx.array]) -> Linear:
    size, bits = like.group_size, like.bits
    # MLX cannot make an empty layer with fewer than 32 inputs; the arrays bring their own size.
    return _filled(nn.QuantizedLinear(max(size, 32), 1, False, size, bits, like.mode), arrays)


def _filled(layer: Any, arrays: dict[str, mx.array]) -> Linear:
    for name, array in arrays.items():
        layer[name] = array
    layer.freeze()
    mx.eval(layer.parameters())
    return layer


class _ColumnBlocks:
    """Weights in blocks of columns, [blocks, in, columns], for a CPU.

    BLAS copies a whole matrix before it multiplies it with a few rows, which takes longer than the multiplication.
    OpenBLAS does not where rows x in x columns are a million or fewer, so blocks are narrow enough for eight rows
    to stay below that, and rows are taken by eight. That is three times as fast, and the outputs of a row do not
    depend on the number of rows.

    The latter is true of the AVX-512 kernel only. Others round a row differently depending on the number of rows,
    so products are padded with rows of zeros until it makes no difference.

    A block is multiplied with all rows before the next one, so it is read from memory once. OpenBLAS's own threads
    do not help with products this small; half of the blocks go to `second_stream` instead, when there are many
    rows.
    """

    def __init__(self, weight: mx.array, bias: mx.array | None, second_stream: mx.Stream | None) -> None:
        self._outputs, inputs = weight.shape
        width = _width(inputs, self._outputs)
        blocks = weight.T.reshape(inputs, self._outputs // width, width).swapaxes(0, 1)
        self._blocks, self._bias, self._second_stream = mx.contiguous(blocks)[:, None], bias, second_stream
        self._min_rows = find_min_rows(inputs, width)
        mx.eval(self._blocks)

    def __call__(self, x: mx.array) -> mx.array:
        rows = x.reshape(-1, x.shape[-1])
        count = rows.shape[0]
        group = _ROWS if count > _ROWS else count + -count % self._min_rows
        if missing := -count % group:
            rows = mx.pad(rows, [(0, missing), (0, 0)])
        groups = rows.reshape(-1, group, x.shape[-1])
        y = self._multiply_blocks(groups).transpose(1, 2, 0, 3).reshape(-1, self._outputs)[:count]
        y = y.reshape(*x.shape[:-1], self._outputs)
        return y if self._bias is None else y + self._bias

    def _multiply_blocks(self, groups: mx.array) -> mx.array:
        """The products of [groups, rows, in] with each block: [blocks, groups, rows, columns]."""
        half = len(self._blocks) // 2
        if self._second_stream is None or not half or len(groups) == 1:
            return groups @ self._blocks
        first = mx.matmul(groups, self._blocks[:half], stream=self._second_stream)
        return mx.concatenate([first, groups @ self._blocks[half:]])


@cache
def find_min_rows(inputs: int, columns: int) -> int:
    """The smallest n for which all products with a multiple of n rows, up to eight, give a row the same result.
    Found by trial; the values do not matter, because kernels are chosen by shape.
    """
    weight, rows = (mx.random.normal(shape, key=mx.random.key(0)) for shape in ((inputs, columns), (_ROWS, inputs)))
    whole = rows @ weight

    def same(start: int, count: int) -> mx.array:
        return (rows[start : start + count] @ weight == whole[start : start + count]).all()

    for step in (1, 2, 4):
        found = [same(start, count) for count in range(step, _ROWS, step) for start in range(_ROWS - count + 1)]
        if bool(mx.stack(found).all()):
            return step
    return _ROWS


def _width(inputs: int, outputs: int) -> int:
    """The width of a block: it divides the outputs, and its product with eight rows stays below the limit."""
    widest = _MAX_PRODUCTS // (_ROWS * inputs)
    return next((width for width in range(min(widest, outputs), 15, -1) if outputs % width == 0), outputs)
