"""The graph of one decode step. It is launched whole or unit by unit, and can be rolled back until its last unit is
launched, so that a new listener need not wait for it.
"""

# MLX's types are partly unknown.
# pyright: reportUnknownMemberType=false

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import mlx.core as mx

from app.workers.synthesis.qwen3.kv_cache import CacheSnapshot, KVCache

#: Layers of the talker in one launch unit.
UNIT_LAYERS = 7


class _LaunchUnit(NamedTuple):
    """Arrays that are launched together, and the layers whose keys and values are among them."""

    arrays: list[mx.array]
    layers: range


class StepGraph:
    """A decode step of all slots, as a graph. Runs on the worker's thread.

    The cache already holds the results, although none of them has been computed; `before` is what it held. `passes`
    are the codes one by one, each [slots], when the step is launched unit by unit, and empty when it is launched
    whole.
    """

    def __init__(self, cache: KVCache, before: CacheSnapshot, codes: mx.array, passes: Sequence[mx.array]) -> None:
        self.codes = codes  #: [slots, groups]
        self._cache, self._before = cache, before
        layers = len(cache.keys)
        size = UNIT_LAYERS if passes else layers
        self._units = deque(
            self._make_unit(range(layers)[start : start + size]) for start in range(0, layers, size)
        )
        self._units += [_LaunchUnit([code], range(0)) for code in passes]
        if passes:
            self._units.append(_LaunchUnit([], range(0)))
        self._units[-1].arrays.extend([codes, cache.inputs, cache.history])

    @property
    def units_left(self) -> int:
        """Units that have not been launched."""
        return len(self._units)

    @property
    def launched(self) -> bool:
        """All units are launched, and the step cannot be rolled back any more."""
        return not self._units

    def launch_unit(self) -> None:
        """Have MLX start the next unit. On a CPU this returns when nearly all of it has been computed."""
        unit = self._units.popleft()
        for layer in unit.layers:
            # MLX writes in place only to buffers without another reference; others it copies.
            self._before.keys[layer] = self._before.values[layer] = None
        mx.async_eval(unit.arrays)

    def rollback(self) -> None:
        """Restore what the cache held before. Keys and values that are already computed may stay: they lie at a
        position that is written again before anything attends to it.
        """
        before, cache = self._before, self._cache
        cache.inputs, cache.history = before.inputs, before.history
        cache.keys = [new if old is None else old for new, old in zip(cache.keys, before.keys, strict=True)]
        cache.values = [new if old is None else old for new, old in zip(cache.values, before.values, strict=True)]
        self._units.clear()

    def _make_unit(self, layers: range) -> _LaunchUnit:
        cache = self._cache
        return _LaunchUnit(
            [array for layer in layers for array in (cache.keys[layer], cache.values[layer])], layers
        )
