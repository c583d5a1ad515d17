"""What a job asks of the model for one of its chunks: its settings, its voice and the chunk's text as utterances;
and what the model does not do itself.

It knows one job. It does not look at the audio that comes.
"""

from typing import NamedTuple

from app.audio.effects.effects import Effects
from app.audio.effects.seams import Ending, Seam
from app.inference.model import FinishReason, Sampling, Utterance, VoiceSpec
from app.models.worker.supervisor import WorkerSupervisor
from app.models.worker.take import Take
from app.scheduler.attempts import chunk_seed, max_take_seconds, parts
from app.scheduler.sound import Sound
from app.store.rows import ChunkRow, Job
from app.text.chunking import Boundary


class Asked(NamedTuple):
    """A take that the model was asked for, and what ends it; None where its chunk ends."""

    take: Take
    ends: Boundary | None


class Started:
    """A chunk that the model was given, in one take, or in one for each half of it."""

    def __init__(self, row: ChunkRow, spoken: str, asked: list[Asked]) -> None:
        self.row, self.spoken, self.asked = row, spoken, asked
        self.attempts = row.attempts
        self.begins = row.start_sample  #: where in the log the take begins that is to stand, if others were refused
        #: How the audio ends before that, if others were refused.
        self.before = None if row.silence is None else Ending(row.silence, row.pause)
        self.given_up = False  #: the job goes on without it

    @property
    def takes(self) -> list[Take]:
        """Its audio, one after the other."""
        return [asked.take for asked in self.asked]

    @property
    def ended(self) -> bool:
        """The model is done with it."""
        return all(take.ended for take in self.takes)

    @property
    def finish_reason(self) -> FinishReason:
        """Why it has no more audio: the first reason that is not what was hoped for."""
        reasons = [take.reason for take in self.takes]
        return next(
            (reason for reason in reasons if reason not in (FinishReason.STOP, FinishReason.CANCELED)),
            FinishReason.STOP,
        )

    async def ending(self) -> None:
        """Wait until the model is done with it."""
        for take in self.takes:
            await take.wait()


class Asking:
    """Belongs to the event loop."""

    def __init__(self, job: Job, voice: VoiceSpec, native: frozenset[str], pool: WorkerSupervisor) -> None:
        self._job, self._voice, self._native = job, voice, native
        self._pool = pool
        self._last: Take | None = None  #: the take that was asked for last

    def takes(self, row: ChunkRow, spoken: str, attempt: int) -> list[Asked]:
        """Have a chunk spoken."""
        return [
            Asked(self._take(part.spoken, chunk_seed(self._job.seed, row.chunk_index, attempt, number)), part.ends)
            for number, part in enumerate(parts(spoken, attempt))
        ]

    def sound(self, take: Take, seam: Seam) -> Sound:
        """A take with the effects that the model does not apply itself; the volume is always applied here."""
        settings = self._job.settings
        effects = Effects(
            rate=1.0 if "rate" in self._native else settings.rate,
            pitch=1.0 if "pitch" in self._native else settings.pitch,
        )
        return Sound(take, effects, seam, Effects(volume=settings.volume))

    def _take(self, spoken: str, seed: int) -> Take:
        settings = self._job.settings
        utterance = Utterance(
            text=spoken,
            voice=self._voice,
            lane=self._job.lane,
            seed=seed,
            language=self._job.language,
            rate=settings.rate if "rate" in self._native else 1.0,
            pitch=settings.pitch if "pitch" in self._native else 1.0,
            sampling=Sampling(settings.temperature, settings.top_k, settings.top_p, settings.repetition_penalty),
            text_layout=settings.text_layout,
            instruct=settings.instruct,
            max_seconds=max_take_seconds(spoken, settings.max_seconds),
        )
        if spoken:
            self._last = self._pool.submit(utterance, after=self._last)
        else:
            self._last = Take(utterance)  # nothing to say, nothing for the model to do
            self._last.end(FinishReason.STOP)
        return self._last
