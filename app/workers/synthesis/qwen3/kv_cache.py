"""Where rows keep what the talker remembers of them: a slot each in buffers that are written in place.

Buffers have few sizes, so that few graphs are compiled. A row that enters or leaves moves no other row, but where
the last one fills a gap so that the buffers can shrink. It knows nothing of why a row comes or goes.
"""

# Those of MLX are half unknown.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from collections.abc import Callable
from typing import NamedTuple

import mlx.core as mx

from app.workers.synthesis.qwen3.attention import Remember

ROWS = (1, 2, 4, 8)
POSITIONS = (256, 512, 768, 1_024, 1_536, 2_048, 3_072, 4_096, 6_144, 8_192, 12_288, 16_384, 32_768)


def rows_for(rows: int) -> int:
    """The smallest buffer that has room for so many rows."""
    return next(size for size in ROWS if size >= rows)


def positions_for(positions: int) -> int:
    """The shortest buffer that has room for so many positions. Raises ValueError when there is none."""
    for size in POSITIONS:
        if size >= positions:
            return size
    raise ValueError(f"{positions:,} positions are more than a row can have, {POSITIONS[-1]:,}")


class Remembered(NamedTuple):
    """Keys and values of one row by layer, each [1, heads, positions, width]."""

    keys: list[mx.array]
    values: list[mx.array]

    @property
    def positions(self) -> int:
        """How many."""
        return self.keys[0].shape[2]

    @property
    def bytes(self) -> int:
        """In memory."""
        return sum(array.nbytes for array in (*self.keys, *self.values))


class Held(NamedTuple):
    """All that slots hold, of which a part may have been let go: by layer, keys and values."""

    x: mx.array
    history: mx.array
    keys: list[mx.array | None]
    values: list[mx.array | None]


class Parked(NamedTuple):
    """A row that rests: all that its slot held."""

    remembered: Remembered
    x: mx.array
    history: mx.array


class Slots:
    """Belongs to the worker's thread. `blank`, [1, 1, hidden], is the input of a slot that nobody has."""

    def __init__(
        self, layers: int, heads: int, width: int, blank: mx.array, fresh_history: Callable[[int], mx.array]
    ) -> None:
        self._shape = (heads, width)
        self._blank, self._fresh_history = blank, fresh_history
        self.rows, self.positions = 0, POSITIONS[0]
        self.keys = [self._empty(0) for _ in range(layers)]
        self.values = [self._empty(0) for _ in range(layers)]
        self.x = mx.repeat(blank, 0, axis=0)
        self.history = fresh_history(0)

    @property
    def position_bytes(self) -> int:
        """What one position of one row takes."""
        heads, width = self._shape
        return 2 * len(self.keys) * heads * width * self._blank.dtype.size

    @property
    def held(self) -> Held:
        """What there is now. MLX writes to arrays that nobody else holds, and copies others."""
        return Held(self.x, self.history, list(self.keys), list(self.values))

    def fit(self, rows: int, positions: int) -> None:
        """Have room for so many rows and positions, and not much more."""
        wanted, room = rows_for(rows) if rows else 0, positions_for(positions)
        if (wanted, room) == (self.rows, self.positions):
            return
        self.keys = [self._resized(keys, wanted, room) for keys in self.keys]
        self.values = [self._resized(values, wanted, room) for values in self.values]
        more = max(0, wanted - self.rows)
        self.x = mx.concatenate([self.x[:wanted], mx.repeat(self._blank, more, axis=0)])
        self.history = mx.concatenate([self.history[:wanted], self._fresh_history(more)])
        self.rows, self.positions = wanted, room

    def writer(self, layer: int, slot: int, start: int, end: int) -> Remember:
        """Writes a layer's keys and values of a slot, from position `start`, and gives all up to `end`."""

        def remember(k: mx.array, v: mx.array) -> tuple[mx.array, mx.array]:
            self.keys[layer][slot : slot + 1, :, start:end] = k
            self.values[layer][slot : slot + 1, :, start:end] = v
            return self.keys[layer][slot : slot + 1, :, :end], self.values[layer][slot : slot + 1, :, :end]

        return remember

    def begin(self, slot: int, x: mx.array) -> None:
        """A row's next input, [1, 1, hidden], after its prompt; it has said nothing yet."""
        self.x[slot : slot + 1] = x
        self.history[slot : slot + 1] = self._fresh_history(1)

    def erase(self, slot: int) -> None:
        """Leave nothing of the row that was there: what is no number stays none when a mask makes nothing of it."""
        for layer in range(len(self.keys)):
            self.keys[layer][slot : slot + 1] = 0
            self.values[layer][slot : slot + 1] = 0

    def remembered(self, slot: int, positions: int) -> Remembered:
        """A copy of the first positions of a slot."""
        part = (slice(slot, slot + 1), slice(None), slice(0, positions))
        found = Remembered(
            [mx.contiguous(keys[part]) for keys in self.keys],
            [mx.contiguous(values[part]) for values in self.values],
        )
        mx.async_eval(found)  # until then it would hold on to whole buffers
        return found

    def put(self, slot: int, remembered: Remembered) -> None:
        """Write the first positions of a slot."""
        part = (slice(slot, slot + 1), slice(None), slice(0, remembered.positions))
        for layer in range(len(self.keys)):
            self.keys[layer][part] = remembered.keys[layer]
            self.values[layer][part] = remembered.values[layer]

    def park(self, slot: int, positions: int) -> Parked:
        """A copy of all that a slot holds."""
        one = slice(slot, slot + 1)
        x, history = mx.contiguous(self.x[one]), mx.contiguous(self.history[one])
        mx.async_eval(x, history)
        return Parked(self.remembered(slot, positions), x, history)

    def unpark(self, slot: int, parked: Parked) -> None:
        """Put a row back."""
        self.put(slot, parked.remembered)
        self.x[slot : slot + 1] = parked.x
        self.history[slot : slot + 1] = parked.history

    def _empty(self, rows: int) -> mx.array:
        heads, width = self._shape
        return mx.zeros((rows, heads, self.positions, width), self._blank.dtype)

    def _resized(self, kv: mx.array, rows: int, positions: int) -> mx.array:
        kv = mx.contiguous(kv[:rows, :, :positions])
        missing = [(0, rows - kv.shape[0]), (0, 0), (0, positions - kv.shape[2]), (0, 0)]
        return mx.pad(kv, missing) if any(after for _, after in missing) else kv
