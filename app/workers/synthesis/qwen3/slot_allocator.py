"""Who has a slot: listeners first, then what they will hear later, then renders; as many as fit into memory and,
beside listeners, into real time. Who has to give way is put aside as it is, and goes on later.

It knows nothing of what rows say or sound like.
"""

from app.inference.model import Lane
from app.workers.synthesis.qwen3.cost_model import Pace
from app.workers.synthesis.qwen3.kv_cache import Slots, positions_for, rows_for
from app.workers.synthesis.qwen3.sequence import Row


class Places:
    """Belongs to the worker's thread. `rows` are in the order in which they are served."""

    def __init__(self, slots: Slots, pace: Pace, *, max_rows: int, budget_bytes: int) -> None:
        self._slots, self._pace = slots, pace
        self.max_rows, self._budget_bytes = max_rows, budget_bytes
        self.rows: list[Row] = []

    @property
    def listened_to(self) -> bool:
        """Somebody hears a row that is being spoken."""
        return any(row.lane is Lane.SPEAK and row.ready for row in self.rows)

    @property
    def awaited(self) -> list[Row]:
        """Who wants to be heard at once, and has not been heard yet: not with what comes behind something else."""
        here = {row.utterance_id for row in self.rows}
        return [row for row in self.rows if row.lane is Lane.SPEAK and not row.voiced and row.behind not in here]

    @property
    def expects(self) -> bool:
        """Somebody who wants to be heard at once has no slot yet, and there is one for him."""
        self._order()
        wanted = self._wanted()
        return any(row.slot is None and row in wanted for row in self.awaited)

    def assign(self) -> list[Row]:
        """Give slots to those who should run now; the rows that come to theirs with nothing in it."""
        self._order()
        wanted = self._wanted()
        slots = rows_for(len(wanted)) if wanted else 0
        for row in self.rows:
            if row.slot is not None and (row not in wanted or row.slot >= slots):
                if row.position:
                    row.parked = self._slots.park(row.slot, row.position)
                row.slot = None
        positions = max((row.position + 1 for row in wanted), default=0)
        self._slots.fit(slots, max(positions, 1))
        taken = {row.slot for row in wanted}
        free = (slot for slot in range(slots) if slot not in taken)
        new = [row for row in wanted if row.slot is None]
        for row in new:  # all of them first: the buffers must have room for each before anything is put in
            row.slot = next(free)
            self._slots.erase(row.slot)
        return [row for row in new if not self._put_back(row)]

    def make_room(self, positions: int) -> None:
        """For a row that is to have so many positions, and for what the others have."""
        others = (row.position + 1 for row in self.rows if row.slot is not None)
        self._slots.fit(self._slots.rows, max([positions, *others]))

    def leave(self, row: Row) -> None:
        """A row says no more."""
        self.rows.remove(row)
        row.slot = None

    def _order(self) -> None:
        """A listener's later chunks come behind the first ones of all, or four listeners with two each would keep
        the fifth waiting. In itself, each kind stays in the order of arrival.
        """
        here = {row.utterance_id for row in self.rows}
        self.rows.sort(key=lambda row: 2 if row.lane is Lane.RENDER else int(row.behind in here))

    def _wanted(self) -> list[Row]:
        listeners = sum(row.lane is Lane.SPEAK for row in self.rows)
        most = self.max_rows if not listeners else min(max(listeners, self._pace.width), self.max_rows)
        wanted: list[Row] = []
        positions = 0
        for row in self.rows[:most]:
            positions = max(positions, row.max_positions)
            room = rows_for(len(wanted) + 1) * positions_for(positions) * self._slots.position_bytes
            if wanted and room > self._budget_bytes:
                break
            wanted.append(row)
        return wanted

    def _put_back(self, row: Row) -> bool:
        if row.parked is None or row.slot is None:
            return False
        self._slots.unpark(row.slot, row.parked)
        row.parked = None
        return True
