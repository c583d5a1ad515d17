"""What the transformers of Qwen3-TTS are made of: rotary positions, and the layer that the talker and the code
predictor share. Who remembers keys and values, and where, is for the caller.
"""

# mlx-audio has no types, and those of MLX are half unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Callable
from typing import Any, TypeAlias

import mlx.core as mx
import mlx.nn as nn

from app.workers.synthesis.qwen3.attending import attend
from app.workers.synthesis.qwen3.linear import taken

#: Takes new keys and values, each [rows, heads, time, width], and gives those to attend to.
Remember: TypeAlias = Callable[[mx.array, mx.array], tuple[mx.array, mx.array]]


class Rotary:
    """Rotary positions in halves (Su et al., 2021). All three axes of the model's multimodal ones are the same for
    speech, so they are plain ones.
    """

    def __init__(self, width: int, theta: float) -> None:
        self._width = width
        # As mlx-audio works them out, so that the angles are the same to the last bit; by `base` they are not.
        self._freqs = theta ** (mx.arange(0, width, 2, dtype=mx.float32) / width)
        mx.eval(self._freqs)

    def __call__(self, x: mx.array, offset: mx.array | int) -> mx.array:
        """Turn [rows, heads, time, width]; `offset`, [rows] or one for all, is the position of the first."""
        return mx.fast.rope(
            x, self._width, traditional=False, base=None, scale=1.0, offset=offset, freqs=self._freqs
        )


class Layer:
    """Attention with normed queries and keys, then a gated product. Takes the weights out of mlx-audio's layer.
    `aside`: the stream of a second core.
    """

    def __init__(self, module: Any, aside: mx.Stream | None = None) -> None:
        attention, mlp = module.self_attn, module.mlp
        self._heads: int = attention.num_heads
        self._kv_heads: int = attention.num_kv_heads
        self._width: int = attention.head_dim
        self._qkv = taken(attention, "q_proj", "k_proj", "v_proj", aside=aside)
        self._o = taken(attention, "o_proj", aside=aside)
        self._gate_up = taken(mlp, "gate_proj", "up_proj", aside=aside)
        self._down = taken(mlp, "down_proj", aside=aside)
        self._eps: float = attention.q_norm.eps
        norms = [attention.q_norm.weight] * self._heads + [attention.k_norm.weight] * self._kv_heads
        self._qk_norm = mx.stack(norms)[:, None]
        self._norms = (module.input_layernorm, module.post_attention_layernorm)
        mx.eval(self._qk_norm)

    @property
    def kv_shape(self) -> tuple[int, int]:
        """Heads and width of the keys and of the values."""
        return self._kv_heads, self._width

    def __call__(
        self, x: mx.array, offset: mx.array | int, rotary: Rotary, remember: Remember, mask: mx.array | str | None
    ) -> mx.array:
        """Of [rows, time, hidden] the same. `mask` says which keys each query sees."""
        rows, time, _ = x.shape
        qkv = self._qkv(self._norms[0](x)).reshape(rows, time, -1, self._width).swapaxes(1, 2)
        normed = mx.fast.rms_norm(qkv[:, : self._heads + self._kv_heads], None, self._eps) * self._qk_norm
        qk = rotary(normed, offset)
        keys, values = remember(qk[:, self._heads :], qkv[:, self._heads + self._kv_heads :])
        seen = attend(qk[:, : self._heads], keys, values, mask)
        x = x + self._o(seen.swapaxes(1, 2).reshape(rows, time, -1))
        gate, up = mx.split(self._gate_up(self._norms[1](x)), 2, axis=-1)
        return x + self._down(nn.silu(gate) * up)
