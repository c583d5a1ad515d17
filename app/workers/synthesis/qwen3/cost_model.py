"""What this machine has been measured to bear: how many sequences keep real time, and how many positions of prompts
can be prefilled beside them.
"""

from collections.abc import Callable

from app.workers.synthesis.qwen3.kv_cache import round_up_slots

#: The part of a frame's 80 ms that a decode step may take for renders to run beside a listener. A prefill chunk may
#: take the rest.
REAL_TIME_SHARE, FRAME_S = 0.6, 0.08

#: How long a measured step time stays valid.
VALID_S = 10.0

#: Sizes of prefill chunks, in positions.
PREFILL_CHUNKS = (32, 64, 128, 256)

#: How long a prefill chunk of renders alone may take, since a listener may come just then.
MAX_RENDER_CHUNK_S = 0.1


class CostModel:
    """Measured times of decode steps and prefill, in seconds. Runs on the worker's thread.

    `real_time_share` and `position_s` are public for tests.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._steps: dict[int, tuple[float, float]] = {}  #: by slots: the time it takes, and when it was measured
        self.real_time_share = REAL_TIME_SHARE
        self.position_s: float | None = None  #: prefill of one position; None before it has been measured

    def record_step(self, sequences: int, took_s: float) -> None:
        """Take the time of a decode step of this many sequences into account."""
        slots, now = round_up_slots(sequences), self._clock()
        before, at = self._steps.get(slots, (took_s, now))
        share = 0.2 if now - at < VALID_S else 1.0
        self._steps[slots] = (1 - share) * before + share * took_s, now

    def record_prefill(self, positions: int, took_s: float) -> None:
        """Take the time of prefilling this many positions, and of nothing else, into account."""
        position_s = took_s / positions
        before = position_s if self.position_s is None else self.position_s
        self.position_s = (before + position_s) / 2

    @property
    def real_time_sequences(self) -> int:
        """How many sequences have been measured to keep real time, or are worth a try; 0 if not even one does, or
        if nothing has been measured for `VALID_S`.
        """
        max_s, since = self.real_time_share * FRAME_S, self._clock() - VALID_S
        # Something else may have slowed an old measurement down.
        recent = {slots: took_s for slots, (took_s, at) in self._steps.items() if at >= since}
        most = max((slots for slots, took_s in recent.items() if took_s <= max_s), default=0)
        if most and 2 * most not in recent and 1.5 * recent[most] <= max_s:
            return 2 * most
        return most

    def budget_prefill(self, *, has_prefilled_listener: bool, awaiting_first_audio: bool) -> int:
        """Positions of prompts that one iteration may prefill: beside a prefilled listener, as many as leave the
        listener's frames in time; for one who awaits the first audio, with no other, the largest chunk, whatever it
        costs; for renders alone, as many as a listener may wait for.
        """
        if awaiting_first_audio and not has_prefilled_listener:
            return PREFILL_CHUNKS[-1]
        if self.position_s is None:
            return PREFILL_CHUNKS[0] if has_prefilled_listener else PREFILL_CHUNKS[-1]
        max_s = (1 - self.real_time_share) * FRAME_S if has_prefilled_listener else MAX_RENDER_CHUNK_S
        return max((size for size in PREFILL_CHUNKS if size <= max_s / self.position_s), default=PREFILL_CHUNKS[0])
