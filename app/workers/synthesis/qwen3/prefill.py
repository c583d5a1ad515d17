"""Puts prompts into slots, by pieces, so that nobody who listens waits for somebody's long prompt; and keeps their
beginnings, which are the same for all that a voice says.
"""

# Those of MLX are half unknown.
# pyright: reportUnknownMemberType=false

from collections import OrderedDict

from app.workers.synthesis.qwen3.attending import QUERIES
from app.workers.synthesis.qwen3.kv_cache import Remembered, Slots
from app.workers.synthesis.qwen3.sequence import Row
from app.workers.synthesis.qwen3.slot_allocator import Places
from app.workers.synthesis.qwen3.talker import Talker

#: Of the beginnings of prompts.
MAX_PREFIX_BYTES = 128 << 20


class Prefill:
    """Belongs to the worker's thread."""

    def __init__(self, talker: Talker, slots: Slots, places: Places) -> None:
        self._talker, self._slots, self._places = talker, slots, places
        self._prefixes: OrderedDict[str, Remembered] = OrderedDict()

    def begin(self, row: Row) -> None:
        """A row has come to a slot: put in what is known of its prompt."""
        prefix = self._prefixes.get(row.prompt.key)
        if prefix is not None and row.filled == 0 and row.slot is not None:
            self._places.make_room(prefix.positions)
            self._slots.put(row.slot, prefix)
            row.filled = prefix.positions
            self._prefixes.move_to_end(row.prompt.key)
            self._begin_if_ready(row)

    def go_on(self, most: int) -> int:
        """Put in up to `most` positions of prompts that are not complete, at least `QUERIES`; returns how many."""
        done = 0
        for row in self._places.rows:
            if row.slot is None or row.ready or done >= most:
                continue
            common, last = row.prompt.common.shape[1], row.prompt.positions - 1
            # Not across the end of what is common: its keys and values must not depend on what follows; and by
            # multiples of what attention takes at once, or they would depend on how much time there is.
            step = (most - done) // QUERIES * QUERIES
            if done and not step:
                break
            end = min(row.filled + max(step, QUERIES), common if row.filled < common else last)
            self._places.make_room(end + 1)
            self._talker.prefill(self._slots, row.slot, row.inputs(row.filled, end), row.filled)
            done += end - row.filled
            row.filled = end
            if end == common:
                self._keep(row.prompt.key, self._slots.remembered(row.slot, common))
            self._begin_if_ready(row)
        return done

    def _begin_if_ready(self, row: Row) -> None:
        if row.ready and row.slot is not None:
            self._slots.begin(row.slot, row.inputs(row.filled, row.filled + 1))

    def _keep(self, key: str, prefix: Remembered) -> None:
        self._prefixes[key] = prefix
        while sum(each.bytes for each in self._prefixes.values()) > MAX_PREFIX_BYTES:
            self._prefixes.popitem(last=False)
