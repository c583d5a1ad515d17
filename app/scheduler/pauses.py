"""How long the pauses of a job are: by what ends its chunks, and shorter where it is spoken faster.

Between two chunks that say something there is the pause of the strongest boundary from the first of them on,
through those in between that say nothing. There is none before the first and none after the last. Pure: it follows
from the script and the row of the chunk before, so that a restart comes to the same pauses.
"""

from itertools import pairwise

from app import SAMPLE_RATE
from app.audio.effects.seams import Ending, Seam
from app.inference.model import ModelCard
from app.scheduler.script import Script
from app.store.rows import ChunkRow
from app.text.chunking import Boundary
from app.text.spoken import spoken_text

#: In milliseconds, at a rate of 1.
PAUSE_MS = {
    Boundary.WORD: 0,
    Boundary.CLAUSE: 120,
    Boundary.SENTENCE: 320,
    Boundary.ITEM: 450,
    Boundary.PARAGRAPH: 650,
    Boundary.HEADING: 900,
}

#: These are inside of chunks, too, the more the longer chunks are. So their pauses shrink as the model's own do
#: there, or `max_chars` would change the rhythm. The others shrink by the rate, whoever applies it.
INSIDE = frozenset({Boundary.WORD, Boundary.CLAUSE, Boundary.SENTENCE})

#: How much of a pause is left to what follows it: a take begins with silence of its own, espeak-ng's with up to 110
#: ms, those of neural voices with more. What one brings beyond this makes the pause longer; nothing is cut off.
LEFT_MS = 250


def pause_factor(card: ModelCard, rate: float) -> float:
    """How the pauses inside a model's speech scale at this rate, relative to a rate of 1."""
    if not card.pauses_at:
        return 1 / rate
    for (lower, long), (upper, short) in pairwise(card.pauses_at):
        if rate <= upper:
            return long + (short - long) * (max(rate, lower) - lower) / (upper - lower)
    return card.pauses_at[-1][1]


class Pauses:
    """Those of one job, with a model that has this card."""

    def __init__(self, script: Script, card: ModelCard, *, rate: float) -> None:
        self._script = script
        self._left = round(LEFT_MS * SAMPLE_RATE / 1000 / rate)
        inside = pause_factor(card, rate)
        self._samples = {
            boundary: round(pause * SAMPLE_RATE / 1000 * (inside if boundary in INSIDE else 1 / rate))
            for boundary, pause in PAUSE_MS.items()
        }

    def ending(self, done: int) -> Ending:
        """How the audio of the first `done` chunks ends."""
        if not done:
            return Ending()
        row = self._script.plan[done - 1]
        if row.silence is None:  # it was spoken before there were pauses
            return Ending(0, self.after(done - 1) or 0)
        return Ending(row.silence, row.pause)

    def broken_off(self, silence: int) -> Ending:
        """How audio ends that was broken off in the middle of a chunk, which is now said again from its start, with
        `silence` samples at its end that cannot be heard.
        """
        return Ending(silence, self._samples[Boundary.SENTENCE])

    def seam(self, before: Ending, row: ChunkRow, *, inside: Boundary | None = None) -> Seam:
        """What joins a take of a chunk to the audio before; `inside` ends one that is not the chunk's last.

        To be called in a thread: a long stretch without words is read to its end.
        """
        pause = self.after(row.chunk_index) if inside is None else self._samples[inside]
        return Seam(before, pause=pause, left=self._left)

    def after(self, index: int) -> int | None:
        """The pause between a chunk and the next that says something; none if one of the two is missing. None as
        long as that is not known.
        """
        if not self._says(index):
            return 0
        plan, whole = self._script.plan, self._script.whole
        following = next(filter(self._says, range(index + 1, len(plan))), index)
        if following == index and not whole:
            return None
        return max((self._samples[Boundary(row.boundary)] for row in plan[index:following]), default=0)

    def _says(self, index: int) -> bool:
        row = self._script.plan[index]
        return spoken_text(self._script.text[row.start_char : row.end_char]) != ""
