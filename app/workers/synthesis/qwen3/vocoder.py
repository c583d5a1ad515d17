"""From codes to samples, for any number of streams at once, a few frames at a time.

mlx-audio's decoder keeps the state of its one stream in its own modules. Here the weights are taken out of it and
the state is a value: what each convolution remembers, and keys and values of the last frames. A step takes one and
gives another, so rows of a batch can come and go, and a clone can begin where its reference ends.

The attention sees 72 frames, as in the official decoder (`sliding_window` of its configuration), where mlx-audio
sees everything; a wider window gives mlx-audio's result. It does not know where codes come from.
"""

# mlx-audio has no types, and those of MLX are half unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import mlx.core as mx
import mlx.nn as nn

from app.workers.synthesis.qwen3.attending import attend
from app.workers.synthesis.qwen3.attention import Rotary
from app.workers.synthesis.qwen3.convolutions import Convolution, Depthwise, Memory, Upsampling
from app.workers.synthesis.qwen3.linear import joined
from app.workers.synthesis.qwen3.snake import Snake

#: Samples of one frame, 80 ms.
FRAME_SAMPLES = 1_920


class VocoderState(NamedTuple):
    """Where some streams are: [rows, …] each."""

    pasts: tuple[mx.array, ...]  #: in the order of `Vocoder._layout`
    frames: mx.array  #: int32, [rows]: how many have been decoded


def stacked(states: Sequence[VocoderState]) -> VocoderState:
    """Several states as one."""
    if len(states) == 1:
        return states[0]
    pasts = zip(*(state.pasts for state in states), strict=True)
    return VocoderState(
        tuple(mx.concatenate(list(rows)) for rows in pasts), mx.concatenate([state.frames for state in states])
    )


def row_of(state: VocoderState, row: int) -> VocoderState:
    """One of several."""
    one = slice(row, row + 1)
    return VocoderState(tuple(mx.contiguous(past[one]) for past in state.pasts), state.frames[one])


class Vocoder:
    """Belongs to the worker's thread. `decoder` is mlx-audio's own, without `mx.compile` around it."""

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
        self._run: Callable[..., Any] = mx.compile(self._decoded) if compiled else self._decoded

    def fresh(self, rows: int = 1) -> VocoderState:
        """The state at the start of streams."""
        return VocoderState(
            tuple(mx.zeros((rows, *shape), self._dtype) for shape in self._layout), mx.zeros((rows,), mx.int32)
        )

    def step(self, codes: mx.array, state: VocoderState | None) -> tuple[mx.array, VocoderState]:
        """Decode codes, [rows, code groups, frames], behind a state, None at the start: samples, float32,
        [rows, frames * 1920], and the state then. Nothing is computed before somebody asks for it.

        The state that was given stays as it is; it can be gone on from again.
        """
        rows, groups, _ = codes.shape
        if groups != self.code_groups:
            raise ValueError(f"{groups} code groups instead of {self.code_groups}")
        state = state or self.fresh(rows)
        samples, frames, *pasts = self._run(codes, state.frames, *state.pasts)
        return samples, VocoderState(tuple(pasts), frames)

    def _decoded(self, codes: mx.array, frames: mx.array, *pasts: mx.array) -> tuple[mx.array, ...]:
        memory = Memory(pasts)
        x = memory(self._pre_conv, self._codes(codes))
        x = self._transformer(x, frames, memory)
        for upsampling, block in self._upsample:
            x = block(memory(upsampling, x), memory)
        x = memory(self._first, x)
        for block in self._blocks:
            x = block(x, memory)
        x = memory(self._last, self._snake(x))
        samples = mx.clip(x, -1.0, 1.0).reshape(x.shape[0], -1).astype(mx.float32)
        return samples, frames + codes.shape[-1], *memory.kept

    def _shapes(self) -> list[tuple[int, ...]]:
        """Of the pasts of one row, in the order in which `_decoded` asks for them."""
        shapes: list[tuple[int, ...]] = [self._pre_conv.past_shape, *self._transformer.past_shapes]
        for upsampling, block in self._upsample:
            shapes += [upsampling.past_shape, block.past_shape]
        shapes.append(self._first.past_shape)
        for block in self._blocks:
            shapes += block.past_shapes
        return [*shapes, self._last.past_shape]


class _Codes:
    """Codes as vectors: each group has a codebook, and the first is projected apart from the others."""

    def __init__(self, quantizer: Any) -> None:
        self._parts = [_Codebooks(part) for part in (quantizer.rvq_first, quantizer.rvq_rest)]

    def __call__(self, codes: mx.array) -> mx.array:
        """Of [rows, code groups, frames]: [rows, frames, width]."""
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
        # The end of an utterance is no code of the table. It is asked for before anybody has looked, and dropped.
        known = mx.minimum(codes, self._last)
        return self._table[known + self._starts].sum(axis=2) @ self._matrix


class _Transformer:
    """A few layers of attention over the last frames. Its pasts are their keys and values, each [rows, heads,
    window - 1, width], of which those before the start of a stream are never looked at.
    """

    def __init__(self, module: Any, window: int) -> None:
        self._into, self._out = module.input_proj, module.output_proj
        self._norm: mx.array = module.norm.weight
        self._eps: float = module.norm.eps
        self._window = window
        self._layers = [_Layer(layer, window) for layer in module.layers]
        self._rotary = Rotary(module.config.head_dim, module.config.rope_theta)
        self.past_shapes = [shape for layer in self._layers for shape in (layer.past_shape,) * 2]

    def __call__(self, x: mx.array, frames: mx.array, memory: Memory) -> mx.array:
        """Of [rows, frames, width] the same; `frames`, [rows], is how many came before."""
        x = self._into(x)
        mask = self._mask(frames, x.shape[1])
        for layer in self._layers:
            x = layer(x, frames, mask, self._rotary, memory)
        return self._out(mx.fast.rms_norm(x, self._norm, self._eps))

    def _mask(self, frames: mx.array, new: int) -> mx.array:
        """Which key each new frame sees, [rows, 1, new, window - 1 + new]: the last ones, none from before."""
        past = self._window - 1
        keys, queries = mx.arange(past + new), mx.arange(new)[:, None]
        near = (keys >= queries) & (keys <= queries + past)
        return near & (keys >= past - frames[:, None, None, None])


class _Layer:
    def __init__(self, module: Any, window: int) -> None:
        attention, mlp = module.self_attn, module.mlp
        self._heads, self._kv_heads, self._width = attention.num_heads, attention.num_kv_heads, attention.head_dim
        self._qkv = joined(attention.q_proj, attention.k_proj, attention.v_proj)
        self._o, self._down = joined(attention.o_proj), joined(mlp.down_proj)
        self._gate_up = joined(mlp.gate_proj, mlp.up_proj)
        self._norms = (module.input_layernorm, module.post_attention_layernorm)
        self._scales: tuple[mx.array, mx.array] = (module.self_attn_layer_scale.scale, module.mlp_layer_scale.scale)
        self.past_shape = (self._kv_heads, window - 1, self._width)

    def __call__(self, x: mx.array, frames: mx.array, mask: mx.array, rotary: Rotary, memory: Memory) -> mx.array:
        rows, new, _ = x.shape
        qkv = self._qkv(self._normed(0, x)).reshape(rows, new, -1, self._width).swapaxes(1, 2)
        turned = rotary(qkv[:, : self._heads + self._kv_heads], frames)
        q, k = turned[:, : self._heads], turned[:, self._heads :]
        v = qkv[:, self._heads + self._kv_heads :]
        keys, values = (_with_past(memory, some) for some in (k, v))
        seen = attend(q, keys, values, mask)
        x = x + self._scales[0] * self._o(seen.swapaxes(1, 2).reshape(rows, new, -1))
        gate, up = mx.split(self._gate_up(self._normed(1, x)), 2, axis=-1)
        return x + self._scales[1] * self._down(nn.silu(gate) * up)

    def _normed(self, number: int, x: mx.array) -> mx.array:
        norm = self._norms[number]
        return mx.fast.rms_norm(x, norm.weight, norm.eps)


def _with_past(memory: Memory, new: mx.array) -> mx.array:
    """Keys or values of the past and these, of which the last ones are kept."""
    whole: list[mx.array] = []

    def longer(past: mx.array) -> mx.array:
        whole.append(mx.concatenate([past, new], axis=2))
        return mx.contiguous(whole[0][:, :, new.shape[2] :])

    memory.swap(longer)
    return whole[0]


class _ConvNeXt:
    def __init__(self, module: Any) -> None:
        convolution = module.dwconv.conv
        self._depthwise = Depthwise(convolution.weight, convolution.bias)
        self._module = module
        self.past_shape = self._depthwise.past_shape

    def __call__(self, x: mx.array, memory: Memory) -> mx.array:
        module = self._module
        y = module.norm(memory(self._depthwise, x))
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

    def __call__(self, x: mx.array, memory: Memory) -> mx.array:
        x = memory(self._upsampling, self._snake(x))
        for first, wide, second, narrow in self._units:
            x = x + memory(narrow, second(memory(wide, first(x))))
        return x


def _convolution(module: Any) -> Convolution:
    return Convolution(module.weight, module.bias, module.dilation)


def _upsampling(module: Any) -> Upsampling:
    return Upsampling(module.conv.weight, module.conv.bias, module.conv.weight.shape[1] - module.trim_right)
