"""The parts of Qwen3-TTS's transformers: rotary positions, and the layer that the talker and the code predictor
share. Where keys and values are cached is up to the caller.
"""

# mlx-audio has no types, and MLX's are partly unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Callable
from typing import Any, TypeAlias

import mlx.core as mx
import mlx.nn as nn

from app.workers.synthesis.qwen3.attention import attend
from app.workers.synthesis.qwen3.linear import take_fused

#: Takes new keys and values, each [batch, heads, time, width], and returns all that are to be attended to.
UpdateCache: TypeAlias = Callable[[mx.array, mx.array], tuple[mx.array, mx.array]]


class Rotary:
    """Rotary positions in halves (Su et al., 2021). The model has multimodal ones, whose three axes are all the
    same for speech, so plain ones do.
    """

    def __init__(self, width: int, theta: float) -> None:
        self._width = width
        # Computed as in mlx-audio, so that the angles are the same to the last bit; with `base` they are not.
        self._freqs = theta ** (mx.arange(0, width, 2, dtype=mx.float32) / width)
        mx.eval(self._freqs)

    def __call__(self, x: mx.array, offset: mx.array | int) -> mx.array:
        """Rotate [batch, heads, time, width]; `offset`, [batch] or one for all, is the position of the first."""
        return mx.fast.rope(
            x, self._width, traditional=False, base=None, scale=1.0, offset=offset, freqs=self._freqs
        )


class TransformerLayer:
    """Attention with normed queries and keys, then a gated MLP. Takes the weights out of mlx-audio's layer.
    `second_stream`, on a CPU, is served by a second core.
    """

    def __init__(self, module: Any, second_stream: mx.Stream | None = None) -> None:
        attention, mlp = module.self_attn, module.mlp
        self._heads: int = attention.num_heads
        self._kv_heads: int = attention.num_kv_heads
        self._width: int = attention.head_dim
        self._qkv = take_fused(attention, "q_proj", "k_proj", "v_proj", second_stream=second_stream)
        self._o = take_fused(attention, "o_proj", second_stream=second_stream)
        self._gate_up = take_fused(mlp, "gate_proj", "up_proj", second_stream=second_stream)
        self._down = take_fused(mlp, "down_proj", second_stream=second_stream)
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
        self,
        x: mx.array,
        offset: mx.array | int,
        rotary: Rotary,
        update_cache: UpdateCache,
        mask: mx.array | str | None,
    ) -> mx.array:
        """From [batch, time, hidden] to the same shape. `mask` says which keys each query sees."""
        batch, time, _ = x.shape
        qkv = self._qkv(self._norms[0](x)).reshape(batch, time, -1, self._width).swapaxes(1, 2)
        normed = mx.fast.rms_norm(qkv[:, : self._heads + self._kv_heads], None, self._eps) * self._qk_norm
        qk = rotary(normed, offset)
        keys, values = update_cache(qk[:, self._heads :], qkv[:, self._heads + self._kv_heads :])
        attended = attend(qk[:, : self._heads], keys, values, mask)
        x = x + self._o(attended.swapaxes(1, 2).reshape(batch, time, -1))
        gate, up = mx.split(self._gate_up(self._norms[1](x)), 2, axis=-1)
        return x + self._down(nn.silu(gate) * up)
