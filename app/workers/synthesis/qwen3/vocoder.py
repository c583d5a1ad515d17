"""The vocoder: from codes to samples, for any number of streams at once, a few frames at a time.

mlx-audio's decoder keeps the state of its one stream in its own modules. Here the weights are taken out of it and
the state is a value: the past of each convolution, and the keys and values of the last frames. A step takes a state
and returns the next one, so streams can join and leave a batch, and a clone can start where its reference ends.

The attention sees 72 frames, as in the official decoder (`sliding_window` of its configuration). mlx-audio's sees
everything; a wider window gives the same result as mlx-audio.
"""

# mlx-audio has no types, and MLX's are partly unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import mlx.core as mx
import mlx.nn as nn

from app.workers.synthesis.qwen3.attention import attend
from app.workers.synthesis.qwen3.convolutions import Convolution, Depthwise, Pasts, Upsampling
from app.workers.synthesis.qwen3.linear import fuse
from app.workers.synthesis.qwen3.snake import Snake
from app.workers.synthesis.qwen3.transformer import Rotary

#: Samples of one frame, 80 ms.
FRAME_SAMPLES = 1_920


class VocoderState(NamedTuple):
    """The state of some streams, [batch, …] each."""

    pasts: tuple[mx.array, ...]  #: in the order in which the stages run
    frames: mx.array  #: int32, [batch]: how many have been decoded


def stack_states(states: Sequence[VocoderState]) -> VocoderState:
    """Several states as a batch."""
    if len(states) == 1:
        return states[0]
    pasts = zip(*(state.pasts for state in states), strict=True)
    return VocoderState(
        tuple(mx.concatenate(list(alike)) for alike in pasts), mx.concatenate([state.frames for state in states])
    )


def select_state(state: VocoderState, number: int) -> VocoderState:
    """One of a batch."""
    one = slice(number, number + 1)
    return VocoderState(tuple(mx.contiguous(past[one]) for past in state.pasts), state.frames[one])


class Vocoder:
    """Decodes audio. Runs on the worker's thread. `decoder` is mlx-audio's own, without `mx.compile` around it;
    `window` is that of its attention, in frames, the checkpoint's if None.
    """

    def __init__(self, decoder: Any, *, window: int | None = None, compiled: bool = False) -> None:
        self.code_groups: int = decoder.config.num_quantizers
        self._codes = _Codes(decoder.quantizer)
        self._pre_conv = _convolution(decoder.pre_conv.conv)
        self._transformer = _Transformer(decoder.pre_transformer, window or decoder.config.sliding_window)
        self._upsample = [(_upsampling(transposed), _ConvNeXt(block)) for transposed, block in decoder.upsample]
        first, *blocks, snake, last = decoder.decoder
        self._first, self._last = _convolution(first.conv), _convolution(last.conv)
        self._blocks = [_Block(block.block) for block in blocks]
        self._snake = Snake(snake)
        self._layout = self._shapes()
        self._dtype = last.conv.weight.dtype
        self._run: Callable[..., Any] = mx.compile(self._decode) if compiled else self._decode

    def make_state(self, batch: int = 1) -> VocoderState:
        """The state at the start of streams."""
        return VocoderState(
            tuple(mx.zeros((batch, *shape), self._dtype) for shape in self._layout), mx.zeros((batch,), mx.int32)
        )

    def step(self, codes: mx.array, state: VocoderState | None) -> tuple[mx.array, VocoderState]:
        """Decode codes, [batch, code groups, frames], from a state, None at the start: samples, float32,
        [batch, frames * 1920], and the next state. Nothing is computed before it is evaluated.

        The given state does not change; it can be decoded from again.
        """
        batch, groups, _ = codes.shape
        if groups != self.code_groups:
            raise ValueError(f"{groups} code groups instead of {self.code_groups}")
        state = state or self.make_state(batch)
        samples, frames, *pasts = self._run(codes, state.frames, *state.pasts)
        return samples, VocoderState(tuple(pasts), frames)

    def _decode(self, codes: mx.array, frames: mx.array, *arrays: mx.array) -> tuple[mx.array, ...]:
        pasts = Pasts(arrays)
        x = pasts.run(self._pre_conv, self._codes(codes))
        x = self._transformer(x, frames, pasts)
        for upsampling, block in self._upsample:
            x = block(pasts.run(upsampling, x), pasts)
        x = pasts.run(self._first, x)
        for block in self._blocks:
            x = block(x, pasts)
        x = pasts.run(self._last, self._snake(x))
        samples = mx.clip(x, -1.0, 1.0).reshape(x.shape[0], -1).astype(mx.float32)
        return samples, frames + codes.shape[-1], *pasts.next

    def _shapes(self) -> list[tuple[int, ...]]:
        """The shapes of the pasts of one stream, in the order in which `_decode` uses them."""
        shapes: list[tuple[int, ...]] = [self._pre_conv.past_shape, *self._transformer.past_shapes]
        for upsampling, block in self._upsample:
            shapes += [upsampling.past_shape, block.past_shape]
        shapes.append(self._first.past_shape)
        for block in self._blocks:
            shapes += block.past_shapes
        return [*shapes, self._last.past_shape]


class _Codes:
    """Embeds codes: each group has a codebook, and the first is projected separately from the others."""

    def __init__(self, quantizer: Any) -> None:
        self._parts = [_Codebooks(part) for part in (quantizer.rvq_first, quantizer.rvq_rest)]

    def __call__(self, codes: mx.array) -> mx.array:
        """From [batch, code groups, frames] to [batch, frames, width]."""
        codes = codes.swapaxes(1, 2)
        at = 0
        parts: list[mx.array] = []
        for part in self._parts:
            parts.append(part(codes[..., at : at + part.groups]))
            at += part.groups
        return sum(parts[1:], parts[0])


class _Codebooks:
    def __init__(self, part: Any) -> None:
        tables = [layer.codebook.embed.weight for layer in part.vq.layers]
        self.groups = len(tables)
        self._table = mx.concatenate(tables)
        self._starts = mx.array([number * tables[0].shape[0] for number in range(len(tables))])
        self._last: int = tables[0].shape[0] - 1
        self._matrix = part.output_proj.weight[:, 0].T

    def __call__(self, codes: mx.array) -> mx.array:
        # The codebook does not contain the end code. It is decoded before anything has checked for it, and dropped.
        known = mx.minimum(codes, self._last)
        return self._table[known + self._starts].sum(axis=2) @ self._matrix


class _Transformer:
    """A few layers of attention over the last frames. Its pasts are their keys and values, each [batch, heads,
    window - 1, width]; those before the start of a stream are masked.
    """

    def __init__(self, module: Any, window: int) -> None:
        self._into, self._out = module.input_proj, module.output_proj
        self._norm: mx.array = module.norm.weight
        self._eps: float = module.norm.eps
        self._window = window
        self._layers = [_Layer(layer, window) for layer in module.layers]
        self._rotary = Rotary(module.config.head_dim, module.config.rope_theta)
        self.past_shapes = [shape for layer in self._layers for shape in (layer.past_shape,) * 2]

    def __call__(self, x: mx.array, frames: mx.array, pasts: Pasts) -> mx.array:
        """From [batch, frames, width] to the same shape; `frames`, [batch], is how many came before."""
        x = self._into(x)
        mask = self._mask(frames, x.shape[1])
        for layer in self._layers:
            x = layer(x, frames, mask, self._rotary, pasts)
        return self._out(mx.fast.rms_norm(x, self._norm, self._eps))

    def _mask(self, frames: mx.array, new: int) -> mx.array:
        """Which key each new frame sees, [batch, 1, new, window - 1 + new]: the last ones of its own stream."""
        past = self._window - 1
        keys, queries = mx.arange(past + new), mx.arange(new)[:, None]
        near = (keys >= queries) & (keys <= queries + past)
        return near & (keys >= past - frames[:, None, None, None])


class _Layer:
    def __init__(self, module: Any, window: int) -> None:
        attention, mlp = module.self_attn, module.mlp
        self._heads, self._kv_heads, self._width = attention.num_heads, attention.num_kv_heads, attention.head_dim
        self._qkv = fuse(attention.q_proj, attention.k_proj, attention.v_proj)
        self._o, self._down = fuse(attention.o_proj), fuse(mlp.down_proj)
        self._gate_up = fuse(mlp.gate_proj, mlp.up_proj)
        self._norms = (module.input_layernorm, module.post_attention_layernorm)
        self._scales: tuple[mx.array, mx.array] = (module.self_attn_layer_scale.scale, module.mlp_layer_scale.scale)
        self.past_shape = (self._kv_heads, window - 1, self._width)

    def __call__(self, x: mx.array, frames: mx.array, mask: mx.array, rotary: Rotary, pasts: Pasts) -> mx.array:
        batch, new, _ = x.shape
        qkv = self._qkv(self._normed(0, x)).reshape(batch, new, -1, self._width).swapaxes(1, 2)
        turned = rotary(qkv[:, : self._heads + self._kv_heads], frames)
        q, k = turned[:, : self._heads], turned[:, self._heads :]
        v = qkv[:, self._heads + self._kv_heads :]
        keys, values = (_with_past(pasts, some) for some in (k, v))
        attended = attend(q, keys, values, mask)
        x = x + self._scales[0] * self._o(attended.swapaxes(1, 2).reshape(batch, new, -1))
        gate, up = mx.split(self._gate_up(self._normed(1, x)), 2, axis=-1)
        return x + self._scales[1] * self._down(nn.silu(gate) * up)

    def _normed(self, number: int, x: mx.array) -> mx.array:
        norm = self._norms[number]
        return mx.fast.rms_norm(x, norm.weight, norm.eps)


def _with_past(pasts: Pasts, new: mx.array) -> mx.array:
    """Keys or values of the past and the new ones; the last of them become the next past."""
    whole: list[mx.array] = []

    def append(past: mx.array) -> mx.array:
        whole.append(mx.concatenate([past, new], axis=2))
        return mx.contiguous(whole[0][:, :, new.shape[2] :])

    pasts.replace(append)
    return whole[0]


class _ConvNeXt:
    def __init__(self, module: Any) -> None:
        convolution = module.dwconv.conv
        self._depthwise = Depthwise(convolution.weight, convolution.bias)
        self._module = module
        self.past_shape = self._depthwise.past_shape

    def __call__(self, x: mx.array, pasts: Pasts) -> mx.array:
        module = self._module
        y = module.norm(pasts.run(self._depthwise, x))
        return x + module.gamma * module.pwconv2(nn.gelu(module.pwconv1(y)))


class _Block:
    """Upsampling, then three residual units of growing dilation."""

    def __init__(self, modules: Sequence[Any]) -> None:
        snake, upsampling, *units = modules
        self._snake = Snake(snake)
        self._upsampling = _upsampling(upsampling)
        self._units = [
            (
                Snake(unit.act1),
                _convolution(unit.conv1.conv),
                Snake(unit.act2),
                _convolution(unit.conv2.conv),
            )
            for unit in units
        ]
        self.past_shapes = [self._upsampling.past_shape]
        for _, wide, _, narrow in self._units:
            self.past_shapes += [wide.past_shape, narrow.past_shape]

    def __call__(self, x: mx.array, pasts: Pasts) -> mx.array:
        x = pasts.run(self._upsampling, self._snake(x))
        for first, wide, second, narrow in self._units:
            x = x + pasts.run(narrow, second(pasts.run(wide, first(x))))
        return x


def _convolution(module: Any) -> Convolution:
    return Convolution(module.weight, module.bias, module.dilation)


def _upsampling(module: Any) -> Upsampling:
    return Upsampling(module.conv.weight, module.conv.bias, module.conv.weight.shape[1] - module.trim_right)
