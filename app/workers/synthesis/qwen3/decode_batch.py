"""Builds the next decode step: which sequences take part, in which slots, at which positions."""

# MLX's types are partly unknown.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from typing import NamedTuple

import mlx.core as mx

from app.workers.synthesis.qwen3.kv_cache import KVCache
from app.workers.synthesis.qwen3.sampling import SamplingArrays, SamplingMode, SamplingParams, stack_sampling
from app.workers.synthesis.qwen3.sequence import SpeechSequence
from app.workers.synthesis.qwen3.slot_allocator import SlotAllocator
from app.workers.synthesis.qwen3.step_graph import StepGraph
from app.workers.synthesis.qwen3.talker import Talker

_EMPTY_SLOT = SamplingParams(seed=0, temperature=0.0, top_k=0, top_p=1.0, penalty=1.0, min_frames=0)


class DecodeStep(NamedTuple):
    """A decode step whose codes nobody has read yet. Its units may be launched or not: none, some or all."""

    graph: StepGraph
    sequences: list[tuple[SpeechSequence, int]]  #: each with its slot
    began: float  #: when its iteration began
    without_prefill: bool  #: no prompt was prefilled in the same iteration

    def launch_unit(self) -> None:
        """Launch the next unit; with the last one, the sequences are given their codes."""
        self.graph.launch_unit()
        if self.graph.launched:
            for sequence, slot in self.sequences:
                if sequence.reason is None:
                    sequence.append_codes(self.graph.codes[slot : slot + 1])


class _Batch(NamedTuple):
    """The sequence in each slot, None where a slot takes no part, and how each is sampled."""

    by_slot: list[SpeechSequence | None]
    sampling: SamplingArrays
    mode: SamplingMode


class DecodeBatcher:
    """Builds decode steps. Runs on the worker's thread."""

    def __init__(self, talker: Talker, cache: KVCache, allocator: SlotAllocator) -> None:
        self._talker, self._cache, self._allocator = talker, cache, allocator
        self._batch: _Batch | None = None  #: of the step before

    def build_step(self, began: float, *, without_prefill: bool) -> DecodeStep | None:
        """The next frame of every sequence that can generate one; None when there is none."""
        running = (each for each in self._allocator.sequences if each.slot is not None)
        sequences = [each for each in running if each.is_prefilled and each.generated < each.max_frames]
        if not sequences:
            return None
        self._allocator.reserve_positions(1)
        batch = self._group_by_slot(sequences)
        # Every slot is written to. One that takes no part is written at its next position, where nothing is lost,
        # and an empty one at 0.
        next_positions = {each.slot: each.position for each in self._allocator.sequences}
        positions = mx.array([next_positions.get(slot, 0) for slot in range(len(batch.by_slot))], mx.int32)
        frames = mx.array([0 if each is None else each.generated for each in batch.by_slot], mx.int32)
        text = [None if each is None else each.next_text for each in batch.by_slot]
        graph = self._talker.build_step(self._cache, positions, frames, batch.sampling, batch.mode, text)
        with_slots = [(each, slot) for slot, each in enumerate(batch.by_slot) if each is not None]
        return DecodeStep(graph, with_slots, began, without_prefill)

    def clear(self) -> None:
        """Let go of the sequences of the last step."""
        self._batch = None

    def _group_by_slot(self, sequences: list[SpeechSequence]) -> _Batch:
        """The sequences by slot. Mostly they are the same as before, and the sampling arrays are kept."""
        by_slot: list[SpeechSequence | None] = [None] * self._cache.slots
        for sequence in sequences:
            assert sequence.slot is not None
            by_slot[sequence.slot] = sequence
        if self._batch is None or self._batch.by_slot != by_slot:
            sampling = stack_sampling([_EMPTY_SLOT if each is None else each.sampling for each in by_slot])
            self._batch = _Batch(by_slot, *sampling)
        return self._batch
