"""A frame that all slots are about to say: launched at once or by pieces, and forgotten when somebody has come who
should not wait for the rest of it.

It knows what slots hold, no rows and nothing of how codes are made.
"""

# Those of MLX are half unknown.
# pyright: reportUnknownMemberType=false

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import mlx.core as mx

from app.workers.synthesis.qwen3.kv_cache import Held, Slots

#: Layers of the talker in one piece.
PIECE_LAYERS = 7


class _Piece(NamedTuple):
    """What is launched together, and the layers whose keys and values are among it."""

    arrays: list[mx.array]
    layers: range


class Step:
    """Belongs to the worker's thread. The slots hold what comes of it, although nothing of it is there yet; what
    they held is `before`. `passes` are the codes one by one, each [slots], where it is to be launched by pieces.
    """

    def __init__(self, slots: Slots, before: Held, codes: mx.array, passes: Sequence[mx.array]) -> None:
        self.codes = codes  #: [slots, groups]
        self._slots, self._before = slots, before
        layers = len(slots.keys)
        size = PIECE_LAYERS if passes else layers
        self._pieces = deque(self._layers(range(layers)[start : start + size]) for start in range(0, layers, size))
        self._pieces += [_Piece([code], range(0)) for code in passes]
        if passes:
            self._pieces.append(_Piece([], range(0)))
        self._pieces[-1].arrays.extend([codes, slots.x, slots.history])

    @property
    def launched(self) -> bool:
        """All of it is on its way, and cannot be forgotten any more."""
        return not self._pieces

    def launch(self) -> None:
        """Have MLX begin with the next piece. On a CPU it comes back when nearly all of it has been computed."""
        piece = self._pieces.popleft()
        for layer in piece.layers:
            # What somebody still holds is copied instead of written to.
            self._before.keys[layer] = self._before.values[layer] = None
        mx.async_eval(piece.arrays)

    def forget(self) -> None:
        """Have the slots hold what they held before. Keys and values that are there already may stay: they lie at
        a position that nobody looks at before it is written again.
        """
        before, slots = self._before, self._slots
        slots.x, slots.history = before.x, before.history
        slots.keys = [new if old is None else old for new, old in zip(slots.keys, before.keys, strict=True)]
        slots.values = [new if old is None else old for new, old in zip(slots.values, before.values, strict=True)]
        self._pieces.clear()

    def _layers(self, layers: range) -> _Piece:
        slots = self._slots
        return _Piece([array for layer in layers for array in (slots.keys[layer], slots.values[layer])], layers)
