"""Writes the audio of a job's chunks into its log, and what became of them into their rows: the log first."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from app import SAMPLE_RATE
from app.audio.effects.seams import Ending, Seam
from app.audio.log.log import LogEnd
from app.errors import InferenceFailed
from app.scheduler.active_job import ActiveJob
from app.scheduler.attempts import ATTEMPTS_ALLOWED
from app.scheduler.chunk_requester import ChunkRequester, PendingChunk
from app.scheduler.pauses import Pauses
from app.scheduler.script import Script
from app.store.rows import ChunkDone, ChunkRefused, ChunkRow, ChunkState, Job
from app.text.chunking import Boundary

#: The longest stretch of audio in one record, one second.
RECORD_BYTES = 2 * SAMPLE_RATE


class Log(Protocol):
    """A job's log, as far as a run writes it."""

    async def end(self) -> LogEnd:
        """How much has been written, shown or not."""
        ...

    async def append(self, chunk_index: int, start_char: int, end_char: int, pcms: Sequence[bytes]) -> int:
        """Write records; the number of the last one."""
        ...

    async def sync(self) -> None:
        """Flush everything appended to disk."""
        ...

    def show(self, records: int) -> None:
        """Let subscribers see the first `records` records."""
        ...


class ChunkRows(Protocol):
    """The rows of chunks, as far as a run writes them; both give the job's row as it is then."""

    async def finish(self, job: Job, done: Sequence[ChunkDone], *, characters: int, work_us: int) -> Job:
        """Chunks are in the log."""
        ...

    async def refuse(self, job: Job, refused: ChunkRefused, *, warning: dict[str, object]) -> Job:
        """A take of a chunk was rejected."""
        ...


class WrittenChunk(NamedTuple):
    """A chunk whose audio is in the log: where the log ends after it, and how its audio ends."""

    chunk: PendingChunk
    end: LogEnd
    ending: Ending


class ChunkWriter:
    """Belongs to the event loop. `ending` is how the audio of all chunks ends that are in the log."""

    def __init__(
        self,
        active: ActiveJob,
        script: Script,
        pauses: Pauses,
        requester: ChunkRequester,
        log: Log,
        rows: ChunkRows,
        on_progress: Callable[[], None],
    ) -> None:
        self._active, self._script, self._pauses, self._requester = active, script, pauses, requester
        self._log, self._rows, self._on_progress = log, rows, on_progress
        self.ending = pauses.ending(active.job.chunks_done)
        self._worked_s = active.job.work_us / 1e6
        self._working_since = self._working_time()

    async def seam(self, before: Ending, row: ChunkRow, inside: Boundary | None = None) -> Seam:
        """What joins a take of a chunk to the audio before it; `inside` ends one that is not the chunk's last."""
        return await asyncio.to_thread(self._pauses.seam, before, row, inside=inside)

    async def pause_after(self, row: ChunkRow) -> int:
        """The pause after a chunk, in samples, once it is known what follows. Raises `RunStopped`."""
        while (pause := self._pauses.after(row.chunk_index)) is None:
            self._active.raise_if_stopped()
            await self._script.more()
        return pause

    async def append(self, row: ChunkRow, pcm: bytes) -> int:
        """Write a chunk's audio, in records; the number of the last one."""
        records = [pcm[at : at + RECORD_BYTES] for at in range(0, len(pcm), RECORD_BYTES)]
        return await self._log.append(row.chunk_index, row.start_char, row.end_char, records)

    async def written(self, chunk: PendingChunk, ending: Ending) -> WrittenChunk:
        """All audio of the chunk is in the log, and ends like this."""
        self.ending = ending
        return WrittenChunk(chunk, await self._log.end(), ending)

    async def reject(self, chunk: PendingChunk, reason: str, *, heard: int | None) -> None:
        """Speak a chunk again. When it has been tried often enough, or was heard, it is given up where the caller
        allows that; otherwise raises `InferenceFailed`. `heard` is how many samples of silence end what a listener
        heard of it, None if nobody did.

        The attempt is in the row, so that a retry of the job does not begin with the seeds that failed.
        """
        self._requester.cancel(chunk)
        await chunk.wait_ended()
        self._active.raise_if_stopped()
        job, index = self._active.job, chunk.row.chunk_index
        chunk.attempts += 1
        last = heard is not None or chunk.attempts - chunk.row.attempts >= ATTEMPTS_ALLOWED
        chunk.given_up = last and job.settings.allow_gaps
        code = "CHUNK_MISSING" if chunk.given_up else "CHUNK_REFUSED"
        warning: dict[str, object] = {
            "code": code, "chunk_index": index, "attempt": chunk.attempts, "message": reason,
        }  # fmt: skip
        # What a listener was given stays. It is not a part of the next take, which is whole, after a pause.
        written = (await self._log.end()).samples
        silence = self.ending.silence + written - job.samples
        before = self.ending._replace(silence=silence) if heard is None else self._pauses.broken_off(heard)
        chunk.begins, chunk.before = written, before
        refused = ChunkRefused(
            index, chunk.attempts, start_sample=written, silence=before.silence, pause=before.pause
        )
        self._active.job = await self._rows.refuse(job, refused, warning=warning)
        if chunk.given_up:
            return
        if last:
            raise InferenceFailed(f"{reason}; change the text or the voice, or retry the job", chunk_index=index)
        self._requester.request_again(chunk)

    async def commit(self, chunks: Sequence[WrittenChunk]) -> None:
        """The log is flushed to disk before the rows that refer to it; then everyone is notified."""
        await self._log.sync()
        done: list[ChunkDone] = []
        start_sample = self._active.job.samples
        for chunk, end, ending in chunks:
            done.append(_done(chunk, start_sample, end, ending))
            start_sample = end.samples
        now = self._working_time()
        self._worked_s, self._working_since = self._worked_s + now - self._working_since, now
        self._active.job = await self._rows.finish(
            self._active.job,
            done,
            characters=sum(chunk.row.end_char - chunk.row.start_char for chunk, *_ in chunks),
            work_us=round(self._worked_s * 1e6),
        )
        self._on_progress()

    def _working_time(self) -> float:
        """A clock, in seconds, that stands still while there is no text."""
        return time.monotonic() - self._script.starved_s


def _done(chunk: PendingChunk, start_sample: int, end: LogEnd, ending: Ending) -> ChunkDone:
    return ChunkDone(
        chunk_index=chunk.row.chunk_index,
        state=ChunkState.GAP if chunk.given_up else ChunkState.DONE,
        attempts=chunk.attempts,
        seed=chunk.takes[0].utterance.seed,
        finish_reason=chunk.finish_reason,
        start_sample=start_sample,
        end_sample=end.samples,
        last_seq=end.records,
        silence=ending.silence,
        pause=ending.pause,
    )
