"""The decode loop: all rows say their next frame in one step, and while the machine computes that, what they said
before is voiced and read.

A tick places rows (listeners first), puts pieces of prompts in, asks for samples and for everybody's next frame,
and then waits once, for the samples and for the codes of the frame before. So it learns of an end one frame late;
that frame is dropped. Where a step is slow, it waits for that frame itself. It knows rows, not utterances, and
nothing of text.
"""

# Those of MLX are half unknown.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import time
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import NamedTuple

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from app.inference.model import FinishReason
from app.inference.qwen3.pace import PIECES, Pace
from app.inference.qwen3.places import Places
from app.inference.qwen3.prefill import Prefill
from app.inference.qwen3.rows import RENDER_FRAMES, Row, Voiced
from app.inference.qwen3.sampling import Controls, Mode, Sampling, controls_of
from app.inference.qwen3.talker import Talker
from app.inference.qwen3.vocoder import FRAME_SAMPLES, Vocoder, row_of, stacked

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
        self._slots, self._clock, self._together = talker.slots(), clock, aside is None
        self._pace = Pace(clock)
        self._places = Places(self._slots, self._pace, most_rows=most_rows, budget_bytes=budget_bytes)
        self._prefill = Prefill(talker, self._slots, self._places)
        self._aside = aside or mx.default_stream(mx.default_device())
        self._ending: list[Row] = []  #: have left their slots, but not all of them has been voiced
        self._asked: _Asked | None = None
        self._voiced: list[Voiced] = []  #: asked for, to be read at the next tick
        self._placed: tuple[list[Row | None], Controls, Mode] | None = None

    @property
    def rows(self) -> int:
        """How many there are, at work or resting."""
        return len(self._places.rows) + len(self._ending)

    @property
    def most_rows(self) -> int:
        """How many it can run at once."""
        return self._places.most_rows

    def add(self, row: Row) -> None:
        """Take a row in."""
        self._places.rows.append(row)

    def drop(self, row: Row) -> None:
        """Forget a row, whatever it is at."""
        for rows in (self._places.rows, self._ending):
            if row in rows:
                rows.remove(row)
        self._voiced = [each for each in self._voiced if each.row is not row]
        row.reason = FinishReason.CANCELED
        self._clear_if_idle()

    def tick(self) -> list[Heard]:
        """One bounded piece of work, and what came of it."""
        began = self._clock()
        for row in self._places.assign():
            self._prefill.begin(row)
        filled = self._prefill.go_on(self._pace.piece if self._places.listened_to else PIECES[-1])
        with mx.stream(self._aside):
            voicing = self._voice()
            mx.async_eval([each.samples for each in voicing], [each.row.vocoder for each in voicing])
        read, asked = self._frames(hurry=any(each.wanted_now and each.row.lane == "speak" for each in voicing))
        # Beside the frame that everybody says meanwhile, samples have time until the next tick.
        later = asked and not self._together
        voiced = self._voiced + [each for each in voicing if each.wanted_now or not later]
        self._voiced = [each for each in voicing if later and not each.wanted_now]
        # The one time that it waits, however many rows there are.
        mx.eval([each.samples for each in voiced], [] if read is None else read.codes)
        alone = not asked and read is None and not voiced
        if not asked and filled:  # pieces of prompts alone: each is work of its own
            mx.eval(self._slots.keys, self._slots.values)
        heard = self._read(read, voiced)
        if filled and alone:
            self._pace.prefilled(filled, self._clock() - began)
        if read is not None and not filled:
            self._pace.stepped(len(read.rows), self._clock() - began)
        self._clear_if_idle()
        return heard

    # Samples

    def _voice(self) -> list[Voiced]:
        """Ask for the samples of rows that have enough to be voiced, as much as one tick bears."""
        waiting = [row for row in (*self._ending, *self._places.rows) if row.due]
        if not self._together and any(row.lane == "speak" and not row.voiced for row in self._places.rows):
            # Somebody's first sound would queue behind a render's, which is a second's work.
            waiting = [row for row in waiting if row.lane == "speak"]
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

    def _frames(self, *, hurry: bool) -> tuple[_Asked | None, bool]:
        """Ask for everybody's next frame: that whose codes are to be read now, and whether one was asked for. In a
        `hurry`, with somebody's first sound on its way, there is no slow step before that is handed out: MLX on a
        CPU comes back from `async_eval` only when nearly all has been computed.
        """
        before = self._asked
        if not self._pace.is_slow(sum(row.slot is not None for row in self._places.rows)):
            self._asked = self._ask()
            return before, self._asked is not None
        self._asked = None
        if hurry or before is not None:  # steps have become slow: this is the last that was asked for ahead
            return before, False
        asked = self._ask()
        return asked, asked is not None

    def _ask(self) -> _Asked | None:
        """Have every row say its next frame."""
        placed = (row for row in self._places.rows if row.slot is not None)
        rows = [row for row in placed if row.ready and row.said < row.most_frames]
        if not rows:
            return None
        self._places.make_room(1)
        placed, controls, mode = self._placing(rows)
        # All slots are written to. In one whose row is not in this step, where its next position will be.
        at = {row.slot: row.position for row in self._places.rows}
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
        elif code == self._talker.lost:
            row.end(FinishReason.ERROR, row.known - 1)
        elif row.known == row.most_frames:
            row.end(FinishReason.LENGTH, row.known)
        else:
            return
        self._places.leave(row)
        self._ending.append(row)

    def _clear_if_idle(self) -> None:
        if not self.rows:
            self._asked = self._placed = None
            self._slots.fit(0, 1)
            mx.clear_cache()
