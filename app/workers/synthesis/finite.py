"""Whether what MLX has loaded can be the weights of a model. Runs on the worker's thread.

The reading costs next to nothing beside the loading: 0.9 s for a thousand million weights on one core.
"""

# MLX's types are partly unknown.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from typing import Any, cast

import mlx.core as mx
from mlx.utils import tree_flatten

from app.inference.checkpoint.inspect import BrokenCheckpoint

#: Tensors that are added up at once: their memory is needed anyway.
_AT_ONCE = 64


def require_finite(model: Any, *, infinite: bool = False) -> None:
    """Raise `BrokenCheckpoint` when a tensor of an MLX module has a NaN, or an infinite value, unless that is
    allowed: some models keep masks among their weights.
    """
    parameters = cast(list[tuple[str, mx.array]], tree_flatten(model.parameters()))
    floats = [(name, array) for name, array in parameters if mx.issubdtype(array.dtype, mx.floating)]
    wrong: list[str] = []
    for start in range(0, len(floats), _AT_ONCE):
        some = floats[start : start + _AT_ONCE]
        sums = mx.stack([mx.sum(array).astype(mx.float32) for _, array in some])
        finite = cast(list[bool], mx.isfinite(sums).tolist())
        # A sum of float16 may overflow, so the tensor itself is looked at.
        wrong += [
            name for (name, array), ok in zip(some, finite, strict=True) if not ok and _is_wrong(array, infinite)
        ]
    if wrong:
        others = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise BrokenCheckpoint(f"the weights are damaged: NaN or infinite values in {wrong[0]}{others}")


def _is_wrong(array: mx.array, infinite: bool) -> bool:
    wrong = mx.isnan(array) if infinite else mx.logical_not(mx.isfinite(array))
    return bool(wrong.any().item())
