"""Which loaded weights cannot be those of a model."""

# MLX's types are partly unknown.
# pyright: reportUnknownMemberType=false

import mlx.core as mx
import pytest
from mlx import nn

from app.inference.checkpoint.inspect import BrokenCheckpoint
from app.workers.synthesis.finite import require_finite


def linear(value: float, dtype: mx.Dtype = mx.bfloat16) -> nn.Linear:
    """One of large weights, the last of which is this."""
    layer = nn.Linear(64, 64)
    weight = mx.full((64, 64), 60_000.0, dtype)
    weight[63, 63] = value
    layer.weight = weight
    return layer


@pytest.mark.parametrize("dtype", [mx.float32, mx.float16, mx.bfloat16])
def test_a_sum_may_overflow(dtype: mx.Dtype) -> None:
    require_finite(linear(1.0, dtype))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_one_value_that_is_not_finite_is(value: float) -> None:
    with pytest.raises(BrokenCheckpoint, match="damaged: NaN or infinite values in weight"):
        require_finite(linear(value))


def test_where_a_mask_may_be_infinite_nan_is_damage_all_the_same() -> None:
    require_finite(linear(float("-inf")), infinite=True)
    with pytest.raises(BrokenCheckpoint):
        require_finite(linear(float("nan")), infinite=True)
