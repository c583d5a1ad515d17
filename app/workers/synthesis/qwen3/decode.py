"""Makes samples of what rows have said, a stretch at a time: whose first sound is awaited goes before everything,
then listeners, then renders.

It decides when, not how long a stretch is: that is the row's own. It knows nothing of slots.
"""

# Those of MLX are half unknown.
# pyright: reportUnknownMemberType=false

from collections import deque
from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

import mlx.core as mx

from app.inference.model import Lane
from app.workers.synthesis.qwen3.sequence import Row
from app.workers.synthesis.qwen3.vocoder import Vocoder, row_of, stacked

#: Of the vocoder's pasts, which are there one after the other, in one piece of a stretch.
PIECE_PASTS = 4


class Voiced(NamedTuple):
    """Samples of a row that have been asked for: [1, samples]."""

    row: Row
    samples: mx.array
    end: int  #: frames of the row with these


class _Stretch:
    """Some frames of rows on their way through the vocoder."""

    def __init__(self, voiced: list[Voiced], pieces: Sequence[Sequence[Any]]) -> None:
        self.voiced, self.pieces = voiced, deque(pieces)

    @property
    def listened_to(self) -> bool:
        return any(each.row.lane is Lane.SPEAK for each in self.voiced)


class Voicing:
    """Belongs to the worker's thread. All rows with as many frames are voiced in one step, which pays where
    launching is what costs. On a CPU, where there is a second core whose stream is `aside`, they are voiced one
    after the other and by pieces, between which somebody may come and be heard.
    """

    def __init__(self, vocoder: Vocoder, aside: mx.Stream | None) -> None:
        self._vocoder, self.together = vocoder, aside is None
        self._stream = aside or mx.default_stream(mx.default_device())
        self._at_work: dict[Lane, _Stretch] = {}  #: of which not all has been launched, one for each lane
        self._launched: list[_Stretch] = []  #: to be read

    def begin(self, rows: Sequence[Row], awaited: Sequence[Row]) -> bool:
        """Ask for the samples of rows that have enough to be voiced; whether there are `awaited` ones among them,
        whose first sound somebody is waiting for.
        """
        if self.together:
            self._all_of([row for row in rows if row.due and self._primed(row)])
            return False
        first = [row for row in awaited if row.due and self._primed(row)]
        for row in first:
            stretch = self._stretch([row])
            while stretch.pieces:
                self._launch(stretch)
        if not first:
            # Somebody's first sound would queue behind a render's, which is a second's work.
            for lane in (Lane.SPEAK,) if awaited else Lane:
                due = [row for row in rows if row.due and row.lane == lane and row not in awaited]
                if due and lane not in self._at_work and self._primed(due[0]):
                    self._at_work[lane] = self._stretch(due[:1])
        return bool(first)

    def launch(self, awaited: Sequence[Row]) -> bool:
        """Have MLX begin with the next piece, if there is one that nobody has to wait for."""
        for lane in (Lane.SPEAK,) if awaited else Lane:
            stretch = self._at_work.get(lane)
            if stretch is not None:
                self._launch(stretch)
                if not stretch.pieces:
                    del self._at_work[lane]
                return True
        return False

    def take(self, *, renders: bool) -> list[Voiced]:
        """What is to be read now: all of what was launched, or only what listeners hear."""
        taken = [stretch for stretch in self._launched if renders or stretch.listened_to]
        self._launched = [stretch for stretch in self._launched if stretch not in taken]
        return [each for stretch in taken for each in stretch.voiced]

    def has(self, row: Row) -> bool:
        """Samples of a row have been asked for, and not been taken."""
        return any(each.row is row for stretch in self._all for each in stretch.voiced)

    def drop(self, row: Row) -> None:
        """Forget the samples of a row."""
        for stretch in self._all:
            stretch.voiced = [each for each in stretch.voiced if each.row is not row]
        self._at_work = {lane: stretch for lane, stretch in self._at_work.items() if stretch.voiced}

    @property
    def _all(self) -> list[_Stretch]:
        return [*self._launched, *self._at_work.values()]

    def _all_of(self, due: list[Row]) -> None:
        for _, alike in groupby(sorted(due, key=lambda row: row.due), key=lambda row: row.due):
            self._launch(self._stretch(list(alike)))

    def _stretch(self, rows: list[Row]) -> _Stretch:
        states = [row.vocoder or self._vocoder.fresh() for row in rows]
        codes = mx.concatenate([row.take_due() for row in rows])
        with mx.stream(self._stream):
            samples, after = self._vocoder.step(codes, stacked(states))
        voiced: list[Voiced] = []
        for number, row in enumerate(rows):
            row.vocoder = after if len(rows) == 1 else row_of(after, number)
            voiced.append(Voiced(row, samples[number : number + 1], row.voiced))
        if self.together:
            return _Stretch(voiced, [[samples, *(each for row in rows for each in row.vocoder or ())]])
        pasts = [after.pasts[start : start + PIECE_PASTS] for start in range(0, len(after.pasts), PIECE_PASTS)]
        return _Stretch(voiced, [*pasts, (samples, after.frames)])

    def _launch(self, stretch: _Stretch) -> None:
        with mx.stream(self._stream):
            mx.async_eval(stretch.pieces.popleft())
        if not stretch.pieces:
            self._launched.append(stretch)

    def _primed(self, row: Row) -> bool:
        """Whether a clone's vocoder is behind the reference; else it goes a piece further."""
        if row.vocoder is None and row.reference is not None:
            with mx.stream(self._stream):
                row.vocoder = row.reference.primed(self._vocoder)
            return row.vocoder is not None
        return True
