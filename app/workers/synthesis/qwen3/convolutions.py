"""Causal convolutions as matrix products, whose state, the past of their input, is handed in and out.

MLX computes dilated and transposed convolutions in loops on a CPU, and the transposed ones on Metal with zeros
between the samples. As products they take only the time that their work takes, for any number of streams at once. A
past is copied, or it would keep the whole array alive that it is part of. All arrays are [batch, time, channels];
weights are laid out as in MLX, [out, taps, in].
"""

# MLX's types are partly unknown.
# pyright: reportUnknownMemberType=false

from collections.abc import Callable, Sequence
from typing import TypeAlias

import mlx.core as mx

#: From an input and its past to an output and the past of the next input.
Stage: TypeAlias = "Convolution | Depthwise | Upsampling"


class Convolution:
    """A convolution over time. Its past is the last (taps - 1) x dilation inputs, [batch, those, in]."""

    def __init__(self, weight: mx.array, bias: mx.array, dilation: int = 1) -> None:
        channels, self._taps, inputs = weight.shape
        self._dilation = dilation
        self._matrix = mx.contiguous(weight.transpose(1, 2, 0).reshape(self._taps * inputs, channels))
        self._bias = bias
        self.past_shape = ((self._taps - 1) * dilation, inputs)

    def __call__(self, x: mx.array, past: mx.array) -> tuple[mx.array, mx.array]:
        """From [batch, time, in] to [batch, time, out], and the next past."""
        time = x.shape[1]
        if self._taps > 1:
            x = mx.concatenate([past, x], axis=1)
        starts = range(0, self._taps * self._dilation, self._dilation)
        wide = mx.concatenate([x[:, start : start + time] for start in starts], axis=2) if self._taps > 1 else x
        return mx.addmm(self._bias, wide, self._matrix), mx.contiguous(x[:, time:])


class Depthwise:
    """A convolution of each channel by itself. Its past is like that of `Convolution`."""

    def __init__(self, weight: mx.array, bias: mx.array) -> None:
        channels, self._taps, _ = weight.shape
        self._weight = mx.contiguous(weight.transpose(1, 2, 0).reshape(self._taps, channels))
        self._bias = bias
        self.past_shape = (self._taps - 1, channels)

    def __call__(self, x: mx.array, past: mx.array) -> tuple[mx.array, mx.array]:
        """From [batch, time, channels] to the same shape, and the next past."""
        time = x.shape[1]
        x = mx.concatenate([past, x], axis=1)
        y = self._bias
        for tap in range(self._taps):
            y = y + x[:, tap : tap + time] * self._weight[tap]
        return y, mx.contiguous(x[:, time:])


class Upsampling:
    """A transposed convolution with as many taps as its stride, or twice as many. Its past is what the last input
    adds to the outputs of the next one, without the bias: [batch, stride, out], or nothing.
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
        """From [batch, time, in] to [batch, time x stride, out], and the next past."""
        batch, time, _ = x.shape
        y = (x @ self._matrix).reshape(batch, time, -1, self._channels)
        if self._overlaps:
            tails = y[:, :, self._stride :]
            y = y[:, :, : self._stride] + mx.concatenate([past[:, None], tails[:, :-1]], axis=1)
            past = mx.contiguous(tails[:, -1])
        return (y + self._bias).reshape(batch, time * self._stride, self._channels), past


class Pasts:
    """The pasts of all stages of the vocoder: hands each stage its own, in the order in which they are called, and
    collects those for the next call. The order must always be the same.
    """

    def __init__(self, pasts: Sequence[mx.array]) -> None:
        self._pasts = iter(pasts)
        self.next: list[mx.array] = []  #: for the next call

    def run(self, stage: Callable[[mx.array, mx.array], tuple[mx.array, mx.array]], x: mx.array) -> mx.array:
        """Run the next stage on its past."""
        y, past = stage(x, next(self._pasts))
        self.next.append(past)
        return y

    def replace(self, update: Callable[[mx.array], mx.array]) -> mx.array:
        """For anything that is not a stage: update the next past, and return it."""
        past = update(next(self._pasts))
        self.next.append(past)
        return past
