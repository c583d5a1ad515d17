"""The decode loop: all rows say their next frame in one step, and while the machine computes that, what they said
before is voiced and read.

A tick places rows (listeners first), puts pieces of prompts in, asks for samples and for everybody's next frame,
and then waits once, for the samples and for the codes of the frame before. So it learns of an end one frame late;
that frame is dropped. It knows rows, not utterances, and nothing of text.
"""

# Those of MLX are half unknown.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import NamedTuple

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from app.inference.model import FinishReason
from app.inference.qwen3.rows import RENDER_FRAMES, Row, Voiced
from app.inference.qwen3.sampling import Controls, Mode, Sampling, controls_of
from app.inference.qwen3.slots import Remembered, positions_for, rows_for
from app.inference.qwen3.talker import Talker
from app.inference.qwen3.vocoder import FRAME_SAMPLES, Vocoder, row_of, stacked

#: Positions of prompts that are put in at one tick, and while somebody is listening.
PIECE, PIECE_BESIDE_A_LISTENER = 256, 32

#: A step must take no more than this part of a frame's 80 ms for renders to run beside a listener.
REAL_TIME_SHARE, FRAME_S = 0.6, 0.08

#: For so long is it believed how long a step of so many rows takes.
REMEMBERED_S = 10.0

#: Of the beginnings of prompts.
MOST_PREFIX_BYTES = 128 << 20

_NOBODY = Sampling(seed=0, temperature=0.0, top_k=0, top_p=1.0, penalty=1.0, least_frames=0)


class Heard(NamedTuple):
    """What a tick has to tell of a row: samples, and why there are no more."""

    row: Row
    samples: NDArray[np.float32]
    reason: FinishReason | None


class _Asked(NamedTuple):
    """The codes of a frame that is on its way, [slots, groups], and whose they are."""

    codes: mx.array
    rows: list[tuple[Row, int]]


class Loop:
    """Belongs to the worker's thread. Rows are voiced in one step, which pays where launching is what costs; where
    there is a second core, whose stream is `aside`, it voices them one after the other, no more than a stretch at
    each tick, while the first one says the next frame.
    """

    def __init__(
        self,
        talker: Talker,
        vocoder: Vocoder,
        *,
        most_rows: int,
        budget_bytes: int,
        aside: mx.Stream | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._talker, self._vocoder = talker, vocoder
        self._slots = talker.slots()
        self.most_rows, self._budget_bytes, self._together = most_rows, budget_bytes, aside is None
        self._clock = clock
        self._aside = aside or mx.default_stream(mx.default_device())
        self._rows: list[Row] = []  #: in the order in which they are served
        self._ending: list[Row] = []  #: have left their slots, but not all of them has been voiced
        self._asked: _Asked | None = None
        self._voiced: list[Voiced] = []  #: asked for, to be read at the next tick
        self._placed: tuple[list[Row | None], Controls, Mode] | None = None
        self._prefixes: OrderedDict[str, Remembered] = OrderedDict()
        self._ticks: dict[int, tuple[float, float]] = {}  #: by rows: how long, in seconds, and when that was seen

    @property
    def rows(self) -> int:
        """How many there are, at work or resting."""
        return len(self._rows) + len(self._ending)

    def add(self, row: Row) -> None:
        """Take a row in: behind its like, listeners before renders."""
        self._rows.append(row)
        self._rows.sort(key=lambda row: row.lane == "render")  # stable

    def drop(self, row: Row) -> None:
        """Forget a row, whatever it is at."""
        for rows in (self._rows, self._ending):
            if row in rows:
                rows.remove(row)
        self._voiced = [each for each in self._voiced if each.row is not row]
        row.reason = FinishReason.CANCELED
        self._clear_if_idle()

    def tick(self) -> list[Heard]:
        """One bounded piece of work, and what came of it."""
        began = self._clock()
        self._place()
        disturbed = self._prefill()
        with mx.stream(self._aside):
            asked = self._voice()
            mx.async_eval([each.samples for each in asked], [each.row.vocoder for each in asked])
        before, self._asked = self._asked, self._ask()
        # Beside the frame that everybody says meanwhile, samples have time until the next tick.
        later = self._asked is not None and not self._together
        voiced = self._voiced + [each for each in asked if each.wanted_now or not later]
        self._voiced = [each for each in asked if later and not each.wanted_now]
        # The one time that it waits, however many rows there are.
        mx.eval([each.samples for each in voiced], [] if before is None else before.codes)
        if self._asked is None and disturbed:  # pieces of prompts alone: each is work of its own
            mx.eval(self._slots.keys, self._slots.values)
        heard = self._read(before, voiced)
        if before is not None and not disturbed:
            self._learn(len(before.rows), self._clock() - began)
        self._clear_if_idle()
        return heard

    # Who has a slot

    def _place(self) -> None:
        wanted = self._wanted()
        slots = rows_for(len(wanted)) if wanted else 0
        for row in self._rows:
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
        for row in new:
            self._settle(row)

    def _wanted(self) -> list[Row]:
        """The rows that run now: as many as fit into memory, and beside listeners into real time."""
        listeners = sum(row.lane == "speak" for row in self._rows)
        most = self.most_rows if not listeners else min(max(listeners, self._width()), self.most_rows)
        wanted: list[Row] = []
        positions = 0
        for row in self._rows[:most]:
            positions = max(positions, row.most_positions)
            room = rows_for(len(wanted) + 1) * positions_for(positions) * self._slots.position_bytes
            if wanted and room > self._budget_bytes:
                break
            wanted.append(row)
        return wanted

    def _width(self) -> int:
        """How many rows have been seen to keep real time, or can be tried."""
        most_s, since = REAL_TIME_SHARE * FRAME_S, self._clock() - REMEMBERED_S
        # What was too slow a while ago may have had a reason that is gone.
        known = {rows: tick_s for rows, (tick_s, at) in self._ticks.items() if at >= since}
        width = max((rows for rows, tick_s in known.items() if tick_s <= most_s), default=0)
        if width and 2 * width not in known and 1.5 * known[width] <= most_s:
            return 2 * width
        return width

    def _learn(self, rows: int, tick_s: float) -> None:
        size, now = rows_for(rows), self._clock()
        before, at = self._ticks.get(size, (tick_s, now))
        share = 0.2 if now - at < REMEMBERED_S else 1.0
        self._ticks[size] = (1 - share) * before + share * tick_s, now

    def _settle(self, row: Row) -> None:
        assert row.slot is not None
        if row.parked is not None:
            self._slots.unpark(row.slot, row.parked)
            row.parked = None
        elif (prefix := self._prefixes.get(row.prompt.key)) is not None and row.filled == 0:
            self._make_room(prefix.positions)
            self._slots.put(row.slot, prefix)
            row.filled = prefix.positions
            self._prefixes.move_to_end(row.prompt.key)

    # Prompts

    def _prefill(self) -> bool:
        """Put pieces of prompts in; whether there was something to put."""
        listened_to = any(row.lane == "speak" and row.ready for row in self._rows)
        room = PIECE_BESIDE_A_LISTENER if listened_to else PIECE
        filled = False
        for row in self._rows:
            if row.slot is None or row.ready or room <= 0:
                continue
            filled = True
            common, last = row.prompt.common.shape[1], row.prompt.positions - 1
            # Not across the end of what is common: its keys and values must not depend on what follows.
            end = min(row.filled + room, common if row.filled < common else last)
            self._make_room(end + 1)
            self._talker.prefill(self._slots, row.slot, row.inputs(row.filled, end), row.filled)
            room -= end - row.filled
            row.filled = end
            if end == common:
                self._keep(row.prompt.key, self._slots.remembered(row.slot, common))
            if row.ready:
                self._slots.begin(row.slot, row.inputs(last, last + 1))
        return filled

    def _make_room(self, positions: int) -> None:
        """For a row that is to have so many positions, and for what the others have."""
        others = (row.position + 1 for row in self._rows if row.slot is not None)
        self._slots.fit(self._slots.rows, max([positions, *others]))

    def _keep(self, key: str, prefix: Remembered) -> None:
        self._prefixes[key] = prefix
        while sum(each.bytes for each in self._prefixes.values()) > MOST_PREFIX_BYTES:
            self._prefixes.popitem(last=False)

    # Samples

    def _voice(self) -> list[Voiced]:
        """Ask for the samples of rows that have enough to be voiced, as much as one tick bears."""
        waiting = [row for row in (*self._ending, *self._rows) if row.due]
        waiting.sort(key=lambda row: row.lane == "render")
        due: list[Row] = []
        frames = 0
        for row in waiting:
            if due and not self._together and frames + row.due > RENDER_FRAMES:
                break
            frames += row.due
            if self._primed(row):
                due.append(row)
        voiced: list[Voiced] = []
        for _, alike in groupby(sorted(due, key=lambda row: row.due), key=lambda row: row.due):
            batch = list(alike)
            for rows in [batch] if self._together else [[row] for row in batch]:
                voiced += self._stretch(rows)
        return voiced

    def _stretch(self, rows: list[Row]) -> Iterable[Voiced]:
        states = [row.vocoder or self._vocoder.fresh() for row in rows]
        first = [row.voiced == 0 for row in rows]
        codes = mx.concatenate([row.take_due() for row in rows])
        samples, after = self._vocoder.step(codes, stacked(states))
        for number, row in enumerate(rows):
            row.vocoder = after if len(rows) == 1 else row_of(after, number)
            yield Voiced(row, samples[number : number + 1], row.voiced, first[number])

    def _primed(self, row: Row) -> bool:
        """Whether a clone's vocoder is behind the reference; else it goes a piece further."""
        if row.vocoder is None and row.reference is not None:
            row.vocoder = row.reference.primed(self._vocoder)
            return row.vocoder is not None
        return True

    # Codes

    def _ask(self) -> _Asked | None:
        """Have every row say its next frame."""
        rows = [row for row in self._rows if row.slot is not None and row.ready and row.said < row.most_frames]
        if not rows:
            return None
        self._make_room(1)
        placed, controls, mode = self._placing(rows)
        # All slots are written to. In one whose row is not in this step, where its next position will be.
        at = {row.slot: row.position for row in self._rows}
        positions = mx.array([at.get(slot, 0) for slot in range(len(placed))], mx.int32)
        frames = mx.array([0 if row is None else row.said for row in placed], mx.int32)
        codes = self._talker.step(self._slots, positions, frames, controls, mode)
        mx.async_eval(codes, self._slots.x, self._slots.history, self._slots.keys, self._slots.values)
        for slot, row in enumerate(placed):
            if row is not None:
                row.say(codes[slot : slot + 1])
        return _Asked(codes, [(row, slot) for slot, row in enumerate(placed) if row is not None])

    def _placing(self, rows: list[Row]) -> tuple[list[Row | None], Controls, Mode]:
        """Who is in which slot, and how each of them samples; the same as before, mostly."""
        placed: list[Row | None] = [None] * self._slots.rows
        for row in rows:
            assert row.slot is not None
            placed[row.slot] = row
        if self._placed is None or self._placed[0] != placed:
            self._placed = placed, *controls_of([_NOBODY if row is None else row.sampling for row in placed])
        return self._placed

    def _read(self, asked: _Asked | None, voiced: list[Voiced]) -> list[Heard]:
        if asked is not None:
            # A part of the MLX array would be computed behind the frame that is on its way.
            first = np.array(asked.codes)[:, 0]
            for row, slot in asked.rows:
                self._look(row, int(first[slot]))
        heard: list[Heard] = []
        for row, samples, end, _ in voiced:
            beyond = max(0, end - row.valid) if row.reason is not None else 0
            found = np.array(samples)[0]
            last = row.done and end == row.voiced
            heard.append(Heard(row, found[: found.size - beyond * FRAME_SAMPLES], row.reason if last else None))
        told = {id(each.row) for each in heard if each.reason is not None}
        unread = {id(each.row) for each in self._voiced}
        over = [row for row in self._ending if row.done and id(row) not in unread]
        heard += [Heard(row, np.zeros(0, np.float32), row.reason) for row in over if id(row) not in told]
        self._ending = [row for row in self._ending if row not in over]
        return heard

    def _look(self, row: Row, code: int) -> None:
        """See what a row has said, one frame before its last."""
        if row.reason is not None:
            return
        row.known += 1
        if code == self._talker.end:
            row.end(FinishReason.STOP, row.known - 1)
        elif row.known == row.most_frames:
            row.end(FinishReason.LENGTH, row.known)
        else:
            return
        self._rows.remove(row)
        self._ending.append(row)
        row.slot = None

    def _clear_if_idle(self) -> None:
        if not self.rows:
            self._asked = self._placed = None
            self._slots.fit(0, 1)
            mx.clear_cache()
