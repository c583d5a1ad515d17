"""Causal convolutions as matrix products, with what they remember of their input handed in and out.

MLX computes dilated and transposed convolutions in loops on a CPU, and the transposed ones on Metal with zeros put
between the samples. As products they cost what they are worth, and any number of streams is one product. What is
remembered is copied, or it would hold on to all that it is part of. All arrays are [rows, time, channels]; weights
come as MLX keeps them, [out, taps, in].
"""

# Those of MLX are half unknown.
# pyright: reportUnknownMemberType=false

from collections.abc import Callable, Sequence
from typing import TypeAlias

import mlx.core as mx

#: Something that needs to remember: its output for an input and a past, and the past for the next input.
Stage: TypeAlias = "Convolution | Depthwise | Upsampling"


class Convolution:
    """A convolution over time; its past is the last (taps - 1) x dilation inputs, [rows, those, in]."""

    def __init__(self, weight: mx.array, bias: mx.array, dilation: int = 1) -> None:
        channels, self._taps, inputs = weight.shape
        self._dilation = dilation
        self._matrix = mx.contiguous(weight.transpose(1, 2, 0).reshape(self._taps * inputs, channels))
        self._bias = bias
        self.past_shape = ((self._taps - 1) * dilation, inputs)

    def __call__(self, x: mx.array, past: mx.array) -> tuple[mx.array, mx.array]:
        """Of [rows, time, in]: [rows, time, out], and the past then."""
        time = x.shape[1]
        if self._taps > 1:
            x = mx.concatenate([past, x], axis=1)
        starts = range(0, self._taps * self._dilation, self._dilation)
        wide = mx.concatenate([x[:, start : start + time] for start in starts], axis=2) if self._taps > 1 else x
        return mx.addmm(self._bias, wide, self._matrix), mx.contiguous(x[:, time:])


class Depthwise:
    """A convolution of each channel with itself; its past is as that of `Convolution`."""

    def __init__(self, weight: mx.array, bias: mx.array) -> None:
        channels, self._taps, _ = weight.shape
        self._weight = mx.contiguous(weight.transpose(1, 2, 0).reshape(self._taps, channels))
        self._bias = bias
        self.past_shape = (self._taps - 1, channels)

    def __call__(self, x: mx.array, past: mx.array) -> tuple[mx.array, mx.array]:
        """Of [rows, time, channels] the same, and the past then."""
        time = x.shape[1]
        x = mx.concatenate([past, x], axis=1)
        y = self._bias
        for tap in range(self._taps):
            y = y + x[:, tap : tap + time] * self._weight[tap]
        return y, mx.contiguous(x[:, time:])


class Upsampling:
    """A transposed convolution with as many taps as its stride, or twice as many. Its past is what the last input
    adds to the outputs of the next one, without the bias: [rows, stride, out], or nothing.
    """

    def __init__(self, weight: mx.array, bias: mx.array, stride: int) -> None:
        self._channels, taps, inputs = weight.shape
        self._stride, self._overlaps = stride, taps > stride
        if taps not in (stride, 2 * stride):
            raise ValueError(f"{taps} taps at a stride of {stride}")
        self._matrix = mx.contiguous(weight.transpose(2, 1, 0).reshape(inputs, taps * self._channels))
        self._bias = bias
        self.past_shape = (stride if self._overlaps else 0, self._channels)

    def __call__(self, x: mx.array, past: mx.array) -> tuple[mx.array, mx.array]:
        """Of [rows, time, in]: [rows, time x stride, out], and the past then."""
        rows, time, _ = x.shape
        y = (x @ self._matrix).reshape(rows, time, -1, self._channels)
        if self._overlaps:
            tails = y[:, :, self._stride :]
            y = y[:, :, : self._stride] + mx.concatenate([past[:, None], tails[:, :-1]], axis=1)
            past = mx.contiguous(tails[:, -1])
        return (y + self._bias).reshape(rows, time * self._stride, self._channels), past


class Memory:
    """Hands each stage its past, in the order in which the stages are called, and gathers the pasts for the next
    time. The order must be the same every time.
    """

    def __init__(self, pasts: Sequence[mx.array]) -> None:
        self._pasts = iter(pasts)
        self.kept: list[mx.array] = []

    def __call__(self, stage: Callable[[mx.array, mx.array], tuple[mx.array, mx.array]], x: mx.array) -> mx.array:
        """Have a stage go on."""
        y, past = stage(x, next(self._pasts))
        self.kept.append(past)
        return y

    def swap(self, new: Callable[[mx.array], mx.array]) -> mx.array:
        """For what is no stage: its past, replaced by what `new` makes of it, which is given back."""
        past = new(next(self._pasts))
        self.kept.append(past)
        return past
