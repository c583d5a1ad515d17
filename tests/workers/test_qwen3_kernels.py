"""A result does not depend on what is computed beside it, whichever kernels OpenBLAS has for a processor: those of
another one can be had by name, in a process of its own. The shapes are those of the published 0.6B.
"""

import json
import os
import platform
import subprocess
import sys
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="the names are those of OpenBLAS for x86-64"
)

SCRIPT = """
import json
from app.workers.synthesis.blas import preload
from app.workers.synthesis import mlx_runtime
loaded = preload.load()
import mlx.core as mx
import mlx.nn as nn
import numpy as np
from app.workers.synthesis.qwen3.attention import QUERIES, attend
from app.workers.synthesis.qwen3.linear import fuse

mlx_runtime.without_compiler()
numbers = np.random.default_rng(1)

def some(*shape):
    return mx.array(numbers.standard_normal(shape).astype(np.float32))

def linear(inputs, outputs):
    layer = nn.Linear(inputs, outputs, bias=False)
    layer.weight = some(outputs, inputs)
    layer, rows = fuse(layer), some(8, 1, inputs)
    whole = np.array(layer(rows))
    return all(
        np.array_equal(np.array(layer(rows[start : start + count])), whole[start : start + count])
        for count in range(1, 9) for start in range(9 - count)
    )

def keys_beyond(room):
    keys, values, q = some(1, 8, 256, 128), some(1, 8, 256, 128), some(1, 16, 1, 128)
    more = [(0, 0), (0, 0), (0, room - 256), (0, 0)]
    mask = lambda size: mx.broadcast_to(mx.arange(size) <= 100, (1, 16, 1, size))
    alone = attend(q, keys, values, mask(256))
    return bool(mx.array_equal(attend(q, mx.pad(keys, more), mx.pad(values, more), mask(room)), alone))

def prompt_in_parts(size):
    q, keys, values = some(1, 16, 117, 128), some(1, 8, 117, 128), some(1, 8, 117, 128)
    whole = attend(q, keys, values, "causal")
    ends = [*range(size, 117, size), 117]
    parts = [
        attend(q[:, :, start:end], keys[:, :, :end], values[:, :, :end], "causal")
        for start, end in zip([0, *ends], ends)
    ]
    return bool(mx.array_equal(mx.concatenate(parts, axis=2), whole))

print(json.dumps({
    "loaded": loaded,
    "linear": {f"{i} to {o}": linear(i, o)
               for i, o in ((1024, 4096), (2048, 1024), (1024, 6144), (3072, 1024), (128, 384))},
    "keys": {room: keys_beyond(room) for room in (512, 768, 1024, 1536, 2048, 8192)},
    "prompt": {size: prompt_in_parts(size) for size in (QUERIES, 2 * QUERIES)},
}))
"""


@pytest.mark.parametrize("core", ["Haswell", "Sandybridge", "SkylakeX"])
def test_a_result_is_the_same_whatever_is_computed_beside_it(core: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "OPENBLAS_CORETYPE": core},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])

    if core not in found["loaded"]:
        pytest.skip(f"this processor has no kernels for {core}")
    for what in ("linear", "keys", "prompt"):
        assert set(found[what].values()) == {True}, (found["loaded"], what, found[what])
