"""The decode loop: all rows say their next frame in one step, and while the machine computes that, what they said
before is voiced and read.

A tick places rows (listeners first), puts pieces of prompts in, asks for samples and for everybody's next frame,
and then waits once, for the samples and for the codes of the frame before. So it learns of an end one frame late;
that frame is dropped. Where launching takes as long as computing, a tick launches no more than a piece, and a step
is forgotten when somebody comes who wants to be heard. It knows rows, not utterances, and nothing of text.
"""

# Those of MLX are half unknown.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import time
from collections.abc import Callable
from typing import NamedTuple

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from app.inference.model import FinishReason, Lane
from app.workers.synthesis.qwen3.cost_model import Pace
from app.workers.synthesis.qwen3.decode import Voiced, Voicing
from app.workers.synthesis.qwen3.prefill import Prefill
from app.workers.synthesis.qwen3.sampling import Controls, Mode, Sampling, controls_of
from app.workers.synthesis.qwen3.sequence import Row
from app.workers.synthesis.qwen3.slot_allocator import Places
from app.workers.synthesis.qwen3.step import Step
from app.workers.synthesis.qwen3.talker import Talker
from app.workers.synthesis.qwen3.vocoder import FRAME_SAMPLES, Vocoder

#: A tick launches no more when so much time has gone. On a GPU it has launched everything long before.
TICK_S = 0.02

_NOBODY = Sampling(seed=0, temperature=0.0, top_k=0, top_p=1.0, penalty=1.0, min_frames=0)


class Heard(NamedTuple):
    """What a tick has to tell of a row: samples, and why there are no more."""

    row: Row
    samples: NDArray[np.float32]
    reason: FinishReason | None


class _Asked(NamedTuple):
    """A frame that rows are about to say, each in its slot."""

    step: Step
    rows: list[tuple[Row, int]]
    began: float  #: on the clock
    alone: bool  #: no prompt was put in beside it


class Loop:
    """Belongs to the worker's thread. `aside`, on a CPU, is the stream of a second core."""

    def __init__(
        self,
        talker: Talker,
        vocoder: Vocoder,
        *,
        max_rows: int,
        budget_bytes: int,
        aside: mx.Stream | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._talker = talker
        self._slots, self._clock = talker.slots(), clock
        self._pace = Pace(clock)
        self._places = Places(self._slots, self._pace, max_rows=max_rows, budget_bytes=budget_bytes)
        self._prefill = Prefill(talker, self._slots, self._places)
        self._voicing = Voicing(vocoder, aside)
        self._ending: list[Row] = []  #: have left their slots, but not all of them has been voiced
        self._asked: _Asked | None = None
        self._read_at = clock()  #: the last codes
        self._placed: tuple[list[Row | None], Controls, Mode] | None = None

    @property
    def rows(self) -> int:
        """How many there are, at work or resting."""
        return len(self._places.rows) + len(self._ending)

    @property
    def max_rows(self) -> int:
        """How many it can run at once."""
        return self._places.max_rows

    def add(self, row: Row) -> None:
        """Take a row in."""
        self._places.rows.append(row)

    def drop(self, row: Row) -> None:
        """Forget a row, whatever it is at."""
        for rows in (self._places.rows, self._ending):
            if row in rows:
                rows.remove(row)
        self._voicing.drop(row)
        row.reason = FinishReason.CANCELED
        self._clear_if_idle()

    def tick(self) -> list[Heard]:
        """One bounded piece of work, and what came of it."""
        began = self._clock()
        self._forget_if_better()
        read, filled = None, 0
        between_frames = self._asked is None or self._asked.step.launched
        if between_frames:
            for row in self._places.assign():
                self._prefill.begin(row)
            filled = self._prefill.go_on(self._piece())
        awaited = [
            row for row in (*self._ending, *self._places.awaited) if row.lane is Lane.SPEAK and not row.voiced
        ]
        voiced = self._voicing.take(renders=between_frames)
        hurry = self._voicing.begin([*self._ending, *self._places.rows], awaited)
        if between_frames:
            read = self._asked
            # While nobody listens, all prompts are put in first: the steps then have as many rows as there are.
            wait = hurry or (filled and not self._places.listened_to)
            self._asked = None if wait else self._ask(began, alone=not filled)
        if not hurry:
            self._launch(began, awaited)
        if hurry or self._asked is None or self._voicing.together:
            voiced += self._voicing.take(renders=True)
        if voiced or read is not None:  # the one time that it waits, however many rows there are
            mx.eval([each.samples for each in voiced], [] if read is None else read.step.codes)
        elif filled and self._asked is None:  # pieces of prompts alone: each is work of its own
            mx.eval(self._slots.keys, self._slots.values)
            self._pace.prefilled(filled, self._clock() - began)
        heard = self._read(read, voiced)
        if read is not None:
            now = self._clock()
            if read.alone and not filled:
                self._pace.stepped(len(read.rows), now - max(read.began, self._read_at))
            self._read_at = now
        self._clear_if_idle()
        return heard

    def _piece(self) -> int:
        places = self._places
        return self._pace.piece(listened_to=places.listened_to, awaited=bool(places.awaited))

    def _launch(self, began: float, awaited: list[Row]) -> None:
        """Launch pieces of samples and of codes in turn, until all are on their way or the tick has been long."""
        while True:
            launched = self._voicing.launch(awaited)
            if launched and self._clock() - began >= TICK_S:
                return
            asked = self._asked
            if asked is not None and not asked.step.launched:
                asked.step.launch()
                launched = True
                if asked.step.launched:
                    for row, slot in asked.rows:
                        if row.reason is None:
                            row.say(asked.step.codes[slot : slot + 1])
            if not launched or self._clock() - began >= TICK_S:
                return

    # Codes

    def _forget_if_better(self) -> None:
        """Who has come to be heard does not wait for the frame that others are about to say, which they say later;
        and nobody waits for one whose rows have all gone.
        """
        asked = self._asked
        if asked is None or asked.step.launched:
            return
        if self._places.expects or all(row.reason is not None for row, _ in asked.rows):
            asked.step.forget()
            self._asked = None

    def _ask(self, began: float, *, alone: bool) -> _Asked | None:
        """Have every row say its next frame."""
        placed = (row for row in self._places.rows if row.slot is not None)
        rows = [row for row in placed if row.ready and row.said < row.max_frames]
        if not rows:
            return None
        self._places.make_room(1)
        placed, controls, mode = self._placing(rows)
        # All slots are written to. In one whose row is not in this step, where its next position will be.
        at = {row.slot: row.position for row in self._places.rows}
        positions = mx.array([at.get(slot, 0) for slot in range(len(placed))], mx.int32)
        frames = mx.array([0 if row is None else row.said for row in placed], mx.int32)
        beside = [None if row is None else row.beside for row in placed]
        step = self._talker.step(self._slots, positions, frames, controls, mode, beside)
        return _Asked(step, [(row, slot) for slot, row in enumerate(placed) if row is not None], began, alone)

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
            first = np.array(asked.step.codes)[:, 0]
            for row, slot in asked.rows:
                self._look(row, int(first[slot]))
        heard: list[Heard] = []
        for row, samples, end in voiced:
            beyond = max(0, end - row.valid) if row.reason is not None else 0
            found = np.array(samples)[0]
            last = row.done and end == row.voiced
            heard.append(Heard(row, found[: found.size - beyond * FRAME_SAMPLES], row.reason if last else None))
        told = {id(each.row) for each in heard if each.reason is not None}
        over = [row for row in self._ending if row.done and not self._voicing.has(row)]
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
        elif row.known == row.max_frames:
            row.end(FinishReason.LENGTH, row.known)
        else:
            return
        self._places.leave(row)
        self._ending.append(row)

    def _clear_if_idle(self) -> None:
        if not self.rows:
            if self._asked is not None and not self._asked.step.launched:
                self._asked.step.forget()
            self._asked = self._placed = None
            self._slots.fit(0, 1)
            mx.clear_cache()
