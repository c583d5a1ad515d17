"""How long the pauses of a job are: by what ends its chunks, and shorter where it is spoken faster.

Between two chunks that say something there is the pause of the strongest boundary from the first of them on,
through those in between that say nothing. There is none before the first and none behind the last. Pure: it follows
from the text, the plan and the row of the chunk before, so that a restart comes to the same pauses.
"""

from collections.abc import Sequence

from app import SAMPLE_RATE
from app.audio.seams import Ending, Seam
from app.store.rows import ChunkRow
from app.text.chunking import Boundary
from app.text.spoken import spoken_text

#: In milliseconds, at a rate of 1. That of a sentence is what models make of one inside a chunk, about.
PAUSE_MS = {
    Boundary.WORD: 0,
    Boundary.CLAUSE: 120,
    Boundary.SENTENCE: 320,
    Boundary.ITEM: 450,
    Boundary.PARAGRAPH: 650,
    Boundary.HEADING: 900,
}

#: So much of a pause is left to what follows it: a take begins with some silence of its own.
LEFT_MS = 100

#: So far is looked for a chunk that says something; behind more without words nobody misses a pause.
MOST_SILENT = 1_000


class Pauses:
    """Those of one job."""

    def __init__(self, text: str, plan: Sequence[ChunkRow], *, rate: float) -> None:
        self._text, self._plan, self._rate = text, plan, rate

    def ending(self, done: int) -> Ending:
        """How the audio of the first `done` chunks ends."""
        row = self._plan[done - 1] if done else None
        return Ending() if row is None else Ending(row.silence or 0, row.pause)

    def seam(self, before: Ending, row: ChunkRow, *, inside: Boundary | None = None) -> Seam:
        """What joins a take of a chunk to the audio before; `inside` ends one that is not the chunk's last."""
        pause = self._behind(row.chunk_index) if inside is None else self._samples(inside)
        return Seam(before, pause=pause, left=_samples(LEFT_MS, self._rate))

    def _behind(self, index: int) -> int:
        """The pause between a chunk and the next that says something; none if one of the two is missing."""
        if not self._says(index):
            return 0
        nearest = range(index + 1, min(index + 1 + MOST_SILENT, len(self._plan)))
        following = next(filter(self._says, nearest), index)
        return max((self._samples(Boundary(row.boundary)) for row in self._plan[index:following]), default=0)

    def _says(self, index: int) -> bool:
        row = self._plan[index]
        return spoken_text(self._text[row.start_char : row.end_char]) != ""

    def _samples(self, boundary: Boundary) -> int:
        return _samples(PAUSE_MS[boundary], self._rate)


def _samples(milliseconds: int, rate: float) -> int:
    return round(milliseconds * SAMPLE_RATE / 1000 / rate)
