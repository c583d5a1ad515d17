"""What a job requests from the model for one of its chunks: its settings, its voice and the chunk's text as
utterances.

It knows one job. It does not look at the audio that comes.
"""

from typing import NamedTuple, Protocol

from app.audio.effects.effects import Effects
from app.audio.effects.seams import Ending, Seam
from app.inference.model import FinishReason, Sampling, Utterance, VoiceSpec
from app.models.worker.take import Take
from app.scheduler.attempts import chunk_seed, max_take_seconds, parts
from app.scheduler.script import Script
from app.scheduler.take_filter import TakeFilter
from app.store.rows import ChunkRow, Job
from app.text.chunking import Boundary
from app.text.spoken import spoken_text


class TakeSource(Protocol):
    """Whatever has a job's utterances spoken."""

    @property
    def free_slots(self) -> int:
        """How many more utterances of lane `render` the model can work on."""
        ...

    def submit(self, utterance: Utterance, *, after: Take | None = None) -> Take:
        """Have an utterance spoken; `after` is what is heard before it."""
        ...

    def cancel(self, take: Take) -> None:
        """Let go of a take; nothing happens when it has ended."""
        ...


class TakeRequest(NamedTuple):
    """A take that was requested, and the boundary that ends it; None at the end of its chunk."""

    take: Take
    ends: Boundary | None


class PendingChunk:
    """A chunk that the model was given, in one take, or in one for each half of it."""

    def __init__(self, row: ChunkRow, spoken: str, requests: list[TakeRequest]) -> None:
        self.row, self.spoken, self.requests = row, spoken, requests
        self.attempts = row.attempts
        self.begins = row.start_sample  #: where in the log the accepted take begins, if others were rejected
        #: How the audio before that ends, if others were rejected.
        self.before = None if row.silence is None else Ending(row.silence, row.pause)
        self.given_up = False  #: the job goes on without it

    @property
    def takes(self) -> list[Take]:
        """Its audio, one after the other."""
        return [request.take for request in self.requests]

    @property
    def ended(self) -> bool:
        """The model is done with it."""
        return all(take.ended for take in self.takes)

    @property
    def finish_reason(self) -> FinishReason:
        """Why it has no more audio: the first reason that is not what was hoped for."""
        reasons = [take.finish_reason for take in self.takes]
        return next(
            (reason for reason in reasons if reason not in (FinishReason.STOP, FinishReason.CANCELED)),
            FinishReason.STOP,
        )

    async def wait_ended(self) -> None:
        """Wait until the model is done with it."""
        for take in self.takes:
            await take.wait()


class ChunkRequester:
    """Belongs to the event loop."""

    def __init__(
        self, job: Job, script: Script, voice: VoiceSpec, native: frozenset[str], source: TakeSource
    ) -> None:
        self._job, self._script, self._voice, self._native = job, script, voice, native
        self._source = source
        self._last: Take | None = None  #: the take that was requested last

    def request(self, row: ChunkRow) -> PendingChunk:
        """Have a chunk spoken."""
        spoken = spoken_text(self._script.text[row.start_char : row.end_char])
        return PendingChunk(row, spoken, self._requests(row, spoken, row.attempts))

    def request_again(self, chunk: PendingChunk) -> None:
        """Have a chunk spoken in another way, as its number of attempts says."""
        chunk.requests = self._requests(chunk.row, chunk.spoken, chunk.attempts)

    def cancel(self, chunk: PendingChunk) -> None:
        """Have the model let go of a chunk."""
        for take in chunk.takes:
            self._source.cancel(take)

    def filter_for(self, take: Take, seam: Seam) -> TakeFilter:
        """The effects that the model does not apply itself; the volume is always applied here."""
        settings = self._job.settings
        effects = Effects(
            rate=1.0 if "rate" in self._native else settings.rate,
            pitch=1.0 if "pitch" in self._native else settings.pitch,
        )
        return TakeFilter(take, effects, seam, Effects(volume=settings.volume))

    def _requests(self, row: ChunkRow, spoken: str, attempt: int) -> list[TakeRequest]:
        return [
            TakeRequest(
                self._take(part.spoken, chunk_seed(self._job.seed, row.chunk_index, attempt, number)), part.ends
            )
            for number, part in enumerate(parts(spoken, attempt))
        ]

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
            self._last = self._source.submit(utterance, after=self._last)
        else:
            self._last = Take(utterance)  # nothing to say, nothing for the model to do
            self._last.end(FinishReason.STOP)
        return self._last
