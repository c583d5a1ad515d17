"""The KV cache: keys and values of all sequences, a slot for each, in buffers that are written in place.

Buffers have few sizes, so that few graphs are compiled. A sequence that enters or leaves moves no other one, unless
the last one has to fill a gap so that the buffers can shrink.
"""

# MLX's types are partly unknown.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from collections.abc import Callable
from typing import NamedTuple

import mlx.core as mx

from app.workers.synthesis.qwen3.transformer import UpdateCache

#: Sizes of the buffers.
SLOTS = (1, 2, 4, 8)
POSITIONS = (256, 512, 768, 1_024, 1_536, 2_048, 3_072, 4_096, 6_144, 8_192, 12_288, 16_384, 32_768)


def round_up_slots(slots: int) -> int:
    """The smallest buffer with this many slots or more."""
    return next(size for size in SLOTS if size >= slots)


def round_up_positions(positions: int) -> int:
    """The shortest buffer with this many positions or more. Raises ValueError when there is none."""
    for size in POSITIONS:
        if size >= positions:
            return size
    raise ValueError(f"{positions:,} positions are more than a sequence can have, {POSITIONS[-1]:,}")


class CachedPositions(NamedTuple):
    """Keys and values of the first positions of a sequence, by layer: each [1, heads, positions, width]."""

    keys: list[mx.array]
    values: list[mx.array]

    @property
    def positions(self) -> int:
        """How many there are."""
        return self.keys[0].shape[2]

    @property
    def bytes(self) -> int:
        """Their size in memory."""
        return sum(array.nbytes for array in (*self.keys, *self.values))


class CacheSnapshot(NamedTuple):
    """The arrays of a KV cache before a decode step; keys and values by layer, None once they are let go."""

    inputs: mx.array
    history: mx.array
    keys: list[mx.array | None]
    values: list[mx.array | None]


class SlotState(NamedTuple):
    """All that a sequence had in a slot that it has left."""

    kv: CachedPositions
    inputs: mx.array
    history: mx.array


class KVCache:
    """Keys and values by layer, each [slots, heads, positions, width], and what else a decode step needs of each
    slot. Runs on the worker's thread.

    `pad`, [1, 1, hidden], is the input of a slot without a sequence; `make_history` makes an empty history for a
    number of slots.
    """

    def __init__(
        self, layers: int, heads: int, width: int, pad: mx.array, make_history: Callable[[int], mx.array]
    ) -> None:
        self._shape = (heads, width)
        self._pad, self._make_history = pad, make_history
        self.slots, self.positions = 0, POSITIONS[0]
        self.keys = [self._make_buffer(0) for _ in range(layers)]
        self.values = [self._make_buffer(0) for _ in range(layers)]
        self.inputs = mx.repeat(pad, 0, axis=0)  #: of the next frame, [slots, 1, hidden]
        self.history = make_history(0)  #: first codes that were generated, bool, [slots, codes]

    @property
    def position_bytes(self) -> int:
        """The size of one position of one sequence."""
        heads, width = self._shape
        return 2 * len(self.keys) * heads * width * self._pad.dtype.size

    def take_snapshot(self) -> CacheSnapshot:
        """The arrays as they are now. As long as it refers to one, MLX copies that instead of writing in place."""
        return CacheSnapshot(self.inputs, self.history, list(self.keys), list(self.values))

    def resize(self, slots: int, positions: int) -> None:
        """Make room for this many slots and positions, and not much more."""
        slots, positions = round_up_slots(slots) if slots else 0, round_up_positions(positions)
        if (slots, positions) == (self.slots, self.positions):
            return
        self.keys = [self._resize_buffer(keys, slots, positions) for keys in self.keys]
        self.values = [self._resize_buffer(values, slots, positions) for values in self.values]
        more = max(0, slots - self.slots)
        self.inputs = mx.concatenate([self.inputs[:slots], mx.repeat(self._pad, more, axis=0)])
        self.history = mx.concatenate([self.history[:slots], self._make_history(more)])
        self.slots, self.positions = slots, positions

    def bind_slot(self, layer: int, slot: int, start: int, end: int) -> UpdateCache:
        """For prefill: a function that writes a layer's keys and values from position `start` to `end`, and returns
        all up to `end`.
        """

        def update_cache(k: mx.array, v: mx.array) -> tuple[mx.array, mx.array]:
            self.keys[layer][slot : slot + 1, :, start:end] = k
            self.values[layer][slot : slot + 1, :, start:end] = v
            return self.keys[layer][slot : slot + 1, :, :end], self.values[layer][slot : slot + 1, :, :end]

        return update_cache

    def start_decoding(self, slot: int, inputs: mx.array) -> None:
        """Set the input of a sequence's first frame, [1, 1, hidden], and an empty history."""
        self.inputs[slot : slot + 1] = inputs
        self.history[slot : slot + 1] = self._make_history(1)

    def clear_slot(self, slot: int) -> None:
        """Zero the keys and values of a slot. A mask does not remove an old NaN, since 0 x NaN is NaN."""
        for layer in range(len(self.keys)):
            self.keys[layer][slot : slot + 1] = 0
            self.values[layer][slot : slot + 1] = 0

    def copy_positions(self, slot: int, positions: int) -> CachedPositions:
        """A copy of the first positions of a slot."""
        part = (slice(slot, slot + 1), slice(None), slice(0, positions))
        copied = CachedPositions(
            [mx.contiguous(keys[part]) for keys in self.keys],
            [mx.contiguous(values[part]) for values in self.values],
        )
        mx.async_eval(copied)  # until it is computed it refers to the whole buffers
        return copied

    def write_positions(self, slot: int, copied: CachedPositions) -> None:
        """Write the first positions of a slot."""
        part = (slice(slot, slot + 1), slice(None), slice(0, copied.positions))
        for layer in range(len(self.keys)):
            self.keys[layer][part] = copied.keys[layer]
            self.values[layer][part] = copied.values[layer]

    def swap_out(self, slot: int, positions: int) -> SlotState:
        """A copy of all that a slot holds."""
        one = slice(slot, slot + 1)
        inputs, history = mx.contiguous(self.inputs[one]), mx.contiguous(self.history[one])
        mx.async_eval(inputs, history)
        return SlotState(self.copy_positions(slot, positions), inputs, history)

    def swap_in(self, slot: int, state: SlotState) -> None:
        """Write all that a slot held."""
        self.write_positions(slot, state.kv)
        self.inputs[slot : slot + 1] = state.inputs
        self.history[slot : slot + 1] = state.history

    def _make_buffer(self, slots: int) -> mx.array:
        heads, width = self._shape
        return mx.zeros((slots, heads, self.positions, width), self._pad.dtype)

    def _resize_buffer(self, kv: mx.array, slots: int, positions: int) -> mx.array:
        kv = mx.contiguous(kv[:slots, :, :positions])
        missing = [(0, slots - kv.shape[0]), (0, 0), (0, positions - kv.shape[2]), (0, 0)]
        return mx.pad(kv, missing) if any(after for _, after in missing) else kv
