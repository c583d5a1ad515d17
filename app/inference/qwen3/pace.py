"""What this machine has been seen to bear: how many rows keep real time, and how much of a prompt fits beside them.

It knows times and sizes, no rows.
"""

from collections.abc import Callable

from app.inference.qwen3.slots import rows_for

#: A step must take no more than this part of a frame's 80 ms for renders to run beside a listener. A piece of a
#: prompt may have the rest.
REAL_TIME_SHARE, FRAME_S = 0.6, 0.08

#: A step that takes longer is read before the next is asked for. What Python does in between is nothing beside it,
#: and who comes meanwhile would wait for both.
SLOW_S = 2 * FRAME_S

#: For so long is it believed how long a step of so many rows takes.
REMEMBERED_S = 10.0

#: Positions of prompts that are put in at one tick: while nobody listens the last, else what there is time for.
PIECES = (32, 64, 128, 256)


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
        most_s, since = REAL_TIME_SHARE * FRAME_S, self._clock() - REMEMBERED_S
        # What was too slow a while ago may have had a reason that is gone.
        known = {rows: took_s for rows, (took_s, at) in self._steps.items() if at >= since}
        width = max((rows for rows, took_s in known.items() if took_s <= most_s), default=0)
        if width and 2 * width not in known and 1.5 * known[width] <= most_s:
            return 2 * width
        return width

    def is_slow(self, rows: int) -> bool:
        """Whether a step of so many rows takes so long that nobody should wait for two of them."""
        return bool(rows) and self._steps.get(rows_for(rows), (0.0, 0.0))[0] > SLOW_S

    @property
    def piece(self) -> int:
        """Positions of prompts that a tick can bear while somebody listens."""
        if self._position_s is None:
            return PIECES[0]
        most = (1 - REAL_TIME_SHARE) * FRAME_S / self._position_s
        return max((piece for piece in PIECES if piece <= most), default=PIECES[0])
