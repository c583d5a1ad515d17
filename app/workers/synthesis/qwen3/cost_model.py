"""What this machine has been seen to bear: how many rows keep real time, and how much of a prompt fits beside them.

It knows times and sizes, no rows.
"""

from collections.abc import Callable

from app.workers.synthesis.qwen3.kv_cache import rows_for

#: A step must take no more than this part of a frame's 80 ms for renders to run beside a listener. A piece of a
#: prompt may have the rest.
REAL_TIME_SHARE, FRAME_S = 0.6, 0.08

#: For so long is it believed how long a step of so many rows takes.
REMEMBERED_S = 10.0

#: Positions of prompts that are put in at one tick: the last while nobody can be heard before, else what there is
#: time for.
PIECES = (32, 64, 128, 256)

#: For so long may a render's prompt keep somebody waiting who comes just then.
UNHEARD_S = 0.1


class Pace:
    """Belongs to the worker's thread. Times are in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._steps: dict[int, tuple[float, float]] = {}  #: by rows: how long, and when that was seen
        self._position_s: float | None = None

    def stepped(self, rows: int, took_s: float) -> None:
        """A frame of so many rows has taken so long."""
        size, now = rows_for(rows), self._clock()
        before, at = self._steps.get(size, (took_s, now))
        share = 0.2 if now - at < REMEMBERED_S else 1.0
        self._steps[size] = (1 - share) * before + share * took_s, now

    def prefilled(self, positions: int, took_s: float) -> None:
        """So many positions of prompts, and nothing else, have taken so long."""
        position_s = took_s / positions
        before = position_s if self._position_s is None else self._position_s
        self._position_s = (before + position_s) / 2

    @property
    def width(self) -> int:
        """How many rows have been seen to keep real time, or can be tried."""
        max_s, since = REAL_TIME_SHARE * FRAME_S, self._clock() - REMEMBERED_S
        # What was too slow a while ago may have had a reason that is gone.
        known = {rows: took_s for rows, (took_s, at) in self._steps.items() if at >= since}
        width = max((rows for rows, took_s in known.items() if took_s <= max_s), default=0)
        if width and 2 * width not in known and 1.5 * known[width] <= max_s:
            return 2 * width
        return width

    def piece(self, *, listened_to: bool, awaited: bool) -> int:
        """Positions of prompts that a tick can bear: beside somebody who listens, for one who is `awaited`, or for
        renders alone.
        """
        if awaited and not listened_to:
            return PIECES[-1]
        if self._position_s is None:
            return PIECES[0] if listened_to else PIECES[-1]
        max_s = (1 - REAL_TIME_SHARE) * FRAME_S if listened_to else UNHEARD_S
        return max((piece for piece in PIECES if piece <= max_s / self._position_s), default=PIECES[0])
