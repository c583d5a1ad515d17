"""The vocoder's activation, x + sin(a x)^2 / b (Ziyin, Hartwig and Ueda, 2020), with a and b for each channel."""

# mlx-audio has no types, and MLX's are partly unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from math import factorial, pi
from typing import Any

import mlx.core as mx

#: Of sin(z) / z in powers of (z / pi)^2, by Taylor. Within half a turn the first term left out is 6e-8.
_SINE = [(-1) ** k * pi ** (2 * k) / factorial(2 * k + 1) for k in range(6)]


class Snake:
    """The activation. `module` is mlx-audio's, which stores the logarithms of a and b."""

    def __init__(self, module: Any) -> None:
        self._on_cpu = mx.default_device().type is not mx.gpu
        self._a = mx.exp(module.alpha) / (pi if self._on_cpu else 1.0)
        self._over_b = 1.0 / (mx.exp(module.beta) + module.eps)
        mx.eval(self._a, self._over_b)

    def __call__(self, x: mx.array) -> mx.array:
        """For any shape, channels last."""
        squared = _sine_squared(x * self._a) if self._on_cpu else mx.square(mx.sin(x * self._a))
        return x + self._over_b * squared


def _sine_squared(half_turns: mx.array) -> mx.array:
    """sin(pi t)^2. On a CPU MLX calls the C library for each sine; eighteen products and sums take a fifth of the
    time.
    """
    rest = mx.square(half_turns - mx.round(half_turns))
    ratio = mx.array(_SINE[-1], half_turns.dtype)
    for coefficient in reversed(_SINE[:-1]):
        ratio = ratio * rest + coefficient
    return (pi * pi) * rest * mx.square(ratio)
