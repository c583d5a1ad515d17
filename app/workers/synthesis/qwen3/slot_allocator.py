"""Decides which sequences have a slot of the KV cache: first listeners', then those of listeners
that follow one that still generates, then renders. At most as many as fit into memory and, beside listeners, as
keep real time. A sequence that has to give way is preempted with all that its slot holds, and goes on later.
"""

from app.inference.model import Lane
from app.workers.synthesis.qwen3.cost_model import CostModel
from app.workers.synthesis.qwen3.kv_cache import KVCache, round_up_positions, round_up_slots
from app.workers.synthesis.qwen3.sequence import SpeechSequence


class SlotAllocator:
    """The queue of sequences that still generate, in the order in which they are served, and their slots. Runs on
    the worker's thread.
    """

    def __init__(self, cache: KVCache, cost_model: CostModel, *, max_sequences: int, budget_bytes: int) -> None:
        self._cache, self._cost_model = cache, cost_model
        self.max_sequences, self.budget_bytes = max_sequences, budget_bytes
        self.sequences: list[SpeechSequence] = []

    @property
    def has_prefilled_listener(self) -> bool:
        """Whether a listener's sequence that still generates is prefilled, even if it has no slot now."""
        return any(each.lane is Lane.SPEAK and each.is_prefilled for each in self.sequences)

    @property
    def awaiting_first_audio(self) -> list[SpeechSequence]:
        """Listeners' sequences without any audio yet. Those that are heard after another one are not urgent."""
        present = {each.utterance_id for each in self.sequences}
        return [
            each
            for each in self.sequences
            if each.lane is Lane.SPEAK and not each.decoded and each.after not in present
        ]

    def would_admit_first_audio(self) -> bool:
        """Whether a sequence that awaits its first audio has no slot yet and would be given one now. Puts the
        queue in order first.
        """
        self._sort_by_priority()
        selected = self._select()
        return any(each.slot is None and each in selected for each in self.awaiting_first_audio)

    def assign_slots(self) -> list[SpeechSequence]:
        """Give slots to the sequences that should run now, and preempt others. Returns those that start with an
        empty slot.
        """
        self._sort_by_priority()
        selected = self._select()
        slots = round_up_slots(len(selected)) if selected else 0
        for sequence in self.sequences:
            if sequence.slot is not None and (sequence not in selected or sequence.slot >= slots):
                if sequence.position:
                    sequence.swapped_out = self._cache.swap_out(sequence.slot, sequence.position)
                sequence.slot = None
        positions = max((each.position + 1 for each in selected), default=0)
        self._cache.resize(slots, max(positions, 1))
        taken = {each.slot for each in selected}
        free = (slot for slot in range(slots) if slot not in taken)
        new = [each for each in selected if each.slot is None]
        for sequence in new:  # all of them first: the buffers must have room for each before anything is written
            sequence.slot = next(free)
            self._cache.clear_slot(sequence.slot)
        return [each for each in new if not self._swap_in(each)]

    def reserve_positions(self, positions: int) -> None:
        """Make the buffers long enough for this many positions, and for the next position of every sequence."""
        others = (each.position + 1 for each in self.sequences if each.slot is not None)
        self._cache.resize(self._cache.slots, max([positions, *others]))

    def release(self, sequence: SpeechSequence) -> None:
        """Take the slot of a sequence that generates no more."""
        self.sequences.remove(sequence)
        sequence.slot = None

    def _sort_by_priority(self) -> None:
        """A listener's later chunks come after the first ones of all, or four listeners with two chunks each would
        keep the fifth waiting. Within a class, sequences stay in the order of arrival.
        """
        present = {each.utterance_id for each in self.sequences}
        self.sequences.sort(key=lambda each: 2 if each.lane is Lane.RENDER else int(each.after in present))

    def _select(self) -> list[SpeechSequence]:
        """The sequences that should run now."""
        limit, listeners = self.max_sequences, sum(each.lane is Lane.SPEAK for each in self.sequences)
        if listeners:
            limit = min(max(listeners, self._cost_model.real_time_sequences), limit)
        selected: list[SpeechSequence] = []
        positions = 0
        for sequence in self.sequences[:limit]:
            positions = max(positions, sequence.max_positions)
            slots = round_up_slots(len(selected) + 1)
            needed_bytes = slots * round_up_positions(positions) * self._cache.position_bytes
            if selected and needed_bytes > self.budget_bytes:
                break
            selected.append(sequence)
        return selected

    def _swap_in(self, sequence: SpeechSequence) -> bool:
        if sequence.swapped_out is None or sequence.slot is None:
            return False
        self._cache.swap_in(sequence.slot, sequence.swapped_out)
        sequence.swapped_out = None
        return True
