"""What attention layers of Qwen3-TTS share: linear layers that are one, and rotary positions."""

# mlx-audio has no types, and those of MLX are half unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from typing import Any

import mlx.core as mx
import mlx.nn as nn


def joined_linear(*layers: Any) -> Any:
    """One linear layer whose outputs are those of several of the same input, one behind the other.

    Exact, also for quantized layers: their groups run along the input. Whoever calls it drops the originals, or the
    weights are in memory twice.
    """
    first = layers[0]
    arrays = {name: mx.concatenate([layer[name] for layer in layers]) for name in first.parameters()}
    joined: Any
    if isinstance(first, nn.QuantizedLinear):
        joined = nn.QuantizedLinear(1, 1, group_size=first.group_size, bits=first.bits, mode=first.mode, bias=False)
    else:
        joined = nn.Linear(1, 1, bias=False)
    for name, array in arrays.items():
        joined[name] = array
    joined.freeze()
    mx.eval(joined.parameters())
    return joined


class Rotary:
    """Rotary positions in halves (Su et al., 2021). All three axes of the model's multimodal ones are the same for
    speech, so they are plain ones.
    """

    def __init__(self, width: int, theta: float) -> None:
        self._width = width
        # As mlx-audio works them out, so that the angles are the same to the last bit; by `base` they are not.
        self._freqs = theta ** (mx.arange(0, width, 2, dtype=mx.float32) / width)
        mx.eval(self._freqs)

    def __call__(self, x: mx.array, offset: mx.array) -> mx.array:
        """Turn [rows, heads, time, width]; `offset`, [rows], is the position of the first of them."""
        return mx.fast.rope(
            x, self._width, traditional=False, base=None, scale=1.0, offset=offset, freqs=self._freqs
        )
