"""Chunked prefill: prompts are put into the KV cache by chunks, so that no listener waits for a long prompt of
somebody else. The prefixes of prompts, which are the same for all texts of a voice, are kept.
"""

# MLX's types are partly unknown.
# pyright: reportUnknownMemberType=false

from collections import OrderedDict

from app.workers.synthesis.qwen3.attention import QUERIES
from app.workers.synthesis.qwen3.kv_cache import CachedPositions, KVCache
from app.workers.synthesis.qwen3.sequence import SpeechSequence
from app.workers.synthesis.qwen3.slot_allocator import SlotAllocator
from app.workers.synthesis.qwen3.talker import Talker

#: Of all prefixes that are kept.
MAX_PREFIX_BYTES = 128 << 20


class Prefill:
    """Prefills the sequences that have a slot, and keeps prefixes. Runs on the worker's thread."""

    def __init__(self, talker: Talker, cache: KVCache, allocator: SlotAllocator) -> None:
        self._talker, self._cache, self._allocator = talker, cache, allocator
        self._prefixes: OrderedDict[str, CachedPositions] = OrderedDict()  #: the least recently used first

    def load_prefix(self, sequence: SpeechSequence) -> None:
        """Copy the prefix of its prompt into its slot, if it is kept."""
        prefix = self._prefixes.get(sequence.prompt.prefix_key)
        if prefix is not None and sequence.prefilled == 0 and sequence.slot is not None:
            self._allocator.reserve_positions(prefix.positions)
            self._cache.write_positions(sequence.slot, prefix)
            sequence.prefilled = prefix.positions
            self._prefixes.move_to_end(sequence.prompt.prefix_key)
            self._start_if_prefilled(sequence)

    def prefill_next(self, max_positions: int) -> int:
        """Prefill up to `max_positions`, or `QUERIES` if that is more, of prompts that are not complete. Returns
        how many; fewer where the prompts end.
        """
        prefilled = 0
        for sequence in self._allocator.sequences:
            if sequence.slot is None or sequence.is_prefilled or prefilled >= max_positions:
                continue
            start, prefix = sequence.prefilled, sequence.prompt.prefix.shape[1]
            end_of_prompt = sequence.prompt.positions - 1
            # A chunk does not cross the end of the prefix, whose keys and values must not depend on what follows.
            # And it is a multiple of what attention takes at once, or they would depend on how much time there is.
            size = (max_positions - prefilled) // QUERIES * QUERIES
            if prefilled and not size:
                break
            end = min(start + max(size, QUERIES), prefix if start < prefix else end_of_prompt)
            self._allocator.reserve_positions(end + 1)
            self._talker.prefill(self._cache, sequence.slot, sequence.slice_prompt(start, end), start)
            prefilled += end - start
            sequence.prefilled = end
            if end == prefix:
                self._keep_prefix(sequence.prompt.prefix_key, self._cache.copy_positions(sequence.slot, prefix))
            self._start_if_prefilled(sequence)
        return prefilled

    def _start_if_prefilled(self, sequence: SpeechSequence) -> None:
        if sequence.is_prefilled and sequence.slot is not None:
            first_input = sequence.slice_prompt(sequence.prefilled, sequence.prefilled + 1)
            self._cache.start_decoding(sequence.slot, first_input)

    def _keep_prefix(self, key: str, prefix: CachedPositions) -> None:
        self._prefixes[key] = prefix
        while sum(each.bytes for each in self._prefixes.values()) > MAX_PREFIX_BYTES:
            self._prefixes.popitem(last=False)
