"""Prints as JSON whether results of MLX depend on what is computed beside them, and which kernels computed them.

The shapes are those of the published 0.6B. OpenBLAS chooses its kernels by the environment.
"""

# MLX's types are partly unknown.
# pyright: reportUnknownMemberType=false

import json
from itertools import pairwise

import numpy as np

from app.workers.synthesis import mlx_runtime
from app.workers.synthesis.blas import preload

LOADED = preload.load()  # before MLX, which takes the BLAS that is there

import mlx.core as mx  # noqa: E402
import mlx.nn as nn  # noqa: E402  # pyright: ignore[reportMissingTypeStubs]

from app.workers.synthesis.qwen3.attention import QUERIES, attend  # noqa: E402
from app.workers.synthesis.qwen3.linear import fuse  # noqa: E402

LAYERS = ((1024, 4096), (2048, 1024), (1024, 6144), (3072, 1024), (128, 384))
ROOMS = (512, 768, 1024, 1536, 2048, 8192)

numbers = np.random.default_rng(1)


def some(*shape: int) -> mx.array:
    return mx.array(numbers.standard_normal(shape).astype(np.float32))


def linear_is_stable(inputs: int, outputs: int) -> bool:
    """Each row of eight is what it is in any smaller batch."""
    module = nn.Linear(inputs, outputs, bias=False)
    module.weight = some(outputs, inputs)
    layer, rows = fuse(module), some(8, 1, inputs)
    whole = layer(rows)
    return all(
        bool(mx.array_equal(layer(rows[start : start + count]), whole[start : start + count]))
        for count in range(1, 9)
        for start in range(9 - count)
    )


def mask(size: int) -> mx.array:
    return mx.broadcast_to(mx.arange(size) <= 100, (1, 16, 1, size))


def keys_are_stable(room: int) -> bool:
    """Keys that are masked change nothing, however many there are."""
    keys, values, queries = some(1, 8, 256, 128), some(1, 8, 256, 128), some(1, 16, 1, 128)
    more = [(0, 0), (0, 0), (0, room - 256), (0, 0)]
    alone = attend(queries, keys, values, mask(256))
    return bool(mx.array_equal(attend(queries, mx.pad(keys, more), mx.pad(values, more), mask(room)), alone))


def prompt_is_stable(size: int) -> bool:
    """A prompt that is prefilled by parts of this size is the same as one that is not."""
    queries, keys, values = some(1, 16, 117, 128), some(1, 8, 117, 128), some(1, 8, 117, 128)
    whole = attend(queries, keys, values, "causal")
    parts = [
        attend(queries[:, :, start:end], keys[:, :, :end], values[:, :, :end], "causal")
        for start, end in pairwise([*range(0, 117, size), 117])
    ]
    return bool(mx.array_equal(mx.concatenate(parts, axis=2), whole))


def main() -> None:
    mlx_runtime.without_compiler()
    found = {
        "loaded": LOADED,
        "linear": {f"{inputs} to {outputs}": linear_is_stable(inputs, outputs) for inputs, outputs in LAYERS},
        "keys": {room: keys_are_stable(room) for room in ROOMS},
        "prompt": {size: prompt_is_stable(size) for size in (QUERIES, 2 * QUERIES)},
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
