"""One job at work: its chunks are handed to the model as the lane allows, and their takes go into the log in order.

A run knows its job, the pool, the log and the rows of its chunks. It does not know the other jobs, and it writes no
final state: it returns when all of the text is in the log, and raises when it is stopped or fails.

A listener's audio is shown as it comes. A render's is shown once its chunk is complete, synced and committed, so
that a crash can never take back what somebody has heard.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from app import SAMPLE_RATE
from app.audio.effects.seams import Ending, Seam
from app.audio.log.log import AudioLog, LogEnd
from app.errors import InferenceFailed
from app.inference.model import Lane, ModelCard, VoiceSpec
from app.models.worker.supervisor import WorkerSupervisor
from app.scheduler.asking import Asking, Started
from app.scheduler.attempts import ATTEMPTS_ALLOWED
from app.scheduler.pauses import Pauses
from app.store.chunks import ChunkStore
from app.store.rows import ChunkDone, ChunkRefused, ChunkRow, ChunkState, Job
from app.text.chunking import Boundary
from app.text.spoken import spoken_text

#: Chunks that may be started before the first of them is in the log: it bounds the memory of a job.
AHEAD = {Lane.SPEAK: 2, Lane.RENDER: 8}

#: A chunk that begins so far behind what is being heard, some two minutes, can wait for who sets the pace.
MAX_UNHEARD_CHARS = 2_000

#: The longest stretch of audio in one record, one second.
RECORD_BYTES = 2 * SAMPLE_RATE


class Stopped(Exception):
    """Somebody asked the run to stop: it has, and nothing of it is in the model any more."""


class JobRun:
    """Belongs to the event loop; `speak` is awaited by the scheduler's task for the job."""

    def __init__(
        self,
        job: Job,
        text: str,
        plan: Sequence[ChunkRow],
        *,
        voice: VoiceSpec,
        card: ModelCard,
        pool: WorkerSupervisor,
        log: AudioLog,
        chunks: ChunkStore,
        on_progress: Callable[[Job], None],
    ) -> None:
        self.job = job
        self._text = text
        self._plan = plan
        self._asking = Asking(job, voice, card.native_settings, pool)
        self._pool, self._log, self._chunks = pool, log, chunks
        self._on_progress = on_progress
        self._pauses = Pauses(text, plan, card, rate=job.settings.rate)
        self._ending = self._pauses.ending(job.chunks_done)  #: of the audio of all chunks that are in the log
        self._next = job.chunks_done
        self._started: deque[Started] = deque()
        self._news = asyncio.Event()
        self._stopping = False
        self._worked_s = job.work_us / 1e6
        self._working_since = time.monotonic()

    @property
    def can_start(self) -> bool:
        """It has a chunk that may be started now. A listener never waits for the model to have room."""
        if self._stopping or self._next >= len(self._plan) or len(self._started) >= AHEAD[self.job.lane]:
            return False
        heard = self._log.heard_char
        # Once it rests it does so for a while, or a large model would be loaded anew for each chunk.
        most = MAX_UNHEARD_CHARS if self._started else MAX_UNHEARD_CHARS // 2
        if heard is not None and self._plan[self._next].start_char - heard > most:
            return False
        return self.job.lane is Lane.SPEAK or self._pool.free_slots > 0

    def start_next(self) -> None:
        """Give the model the next chunk."""
        row = self._plan[self._next]
        self._next += 1
        spoken = spoken_text(self._text[row.start_char : row.end_char])
        self._started.append(Started(row, spoken, self._asking.takes(row, spoken, row.attempts)))
        self._news.set()

    def stop(self) -> None:
        """Ask the run to stop: it raises `Stopped` once the model has let go of everything."""
        self._stopping = True
        for started in self._started:
            self._cancel(started)
        self._news.set()

    async def speak(self) -> None:
        """Bring all of the text into the log. Raises `Stopped`, or a `SpeechError` when it cannot be."""
        finish: Callable[[], Awaitable[None]] = (
            self._listen_to_next if self.job.lane is Lane.SPEAK else self._render_next
        )
        try:
            while self.job.chunks_done < len(self._plan):
                while not self._started and not self._stopping:
                    self._news.clear()
                    await self._news.wait()
                self._go_on()
                await finish()
        finally:
            self._stopping = True
            for started in self._started:
                self._cancel(started)
            for started in self._started:
                await started.ending()

    def _cancel(self, started: Started) -> None:
        for take in started.takes:
            self._pool.cancel(take)

    async def _listen_to_next(self) -> None:
        """The next chunk, shown to its listeners as it comes."""
        started, written = self._started[0], (await self._log.end()).samples
        begins = min(started.begins or self.job.samples, written)
        # What an earlier run of this job has shown of the chunk stays; the same bytes come again and are dropped.
        drop = 2 * (written - begins)
        shown = drop > 0
        ending = started.before or self._ending
        for take, ends in started.asked:
            sound = self._asking.sound(take, await self._seam(ending, started.row, ends))
            async for pcm in take.pcm():
                self._go_on()
                drop = await self._show(started.row, await sound.push(pcm), drop)
                shown |= sound.heard
            self._go_on()
            if why := sound.objection:
                await self._refuse(started, why, heard=shown)  # what was heard cannot be said again
                if not started.given_up:
                    return
            drop = await self._show(started.row, await sound.finish(), drop)
            ending = sound.ending
            if started.given_up:
                break
        self._ending = ending
        await self._commit([(started, await self._log.end(), ending)])

    async def _show(self, row: ChunkRow, pcm: bytes, drop: int) -> int:
        """Write and show audio, but for its first `drop` bytes; how much is still to be dropped."""
        kept = pcm[drop:]
        if kept:
            self._log.show(await self._append(row, kept))
        return max(0, drop - len(pcm))

    async def _render_next(self) -> None:
        """The next chunk, and those behind it that are complete by then, committed together."""
        ready: list[tuple[Started, LogEnd, Ending]] = []
        try:
            for started in list(self._started):
                if ready and not started.ended:
                    break
                whole = await self._whole(started)
                if whole is None:
                    break
                pcm, self._ending = whole
                await self._append(started.row, pcm)
                ready.append((started, await self._log.end(), self._ending))
        finally:
            if ready:  # whatever happened to the one behind them
                await self._commit(ready)
                self._log.show(self.job.last_seq)

    async def _whole(self, started: Started) -> tuple[bytes, Ending] | None:
        """All audio of a chunk, none if it is given up, and how it ends; None when it is to be spoken again."""
        pieces, ending = list[bytes](), self._ending
        for take, ends in started.asked:
            sound = self._asking.sound(take, await self._seam(ending, started.row, ends))
            async for pcm in take.pcm():
                pieces.append(await sound.push(pcm))
            self._go_on()
            if why := sound.objection:
                await self._refuse(started, why, heard=False)
                nothing = await self._seam(self._ending, started.row)
                return (b"", nothing.ending) if started.given_up else None
            pieces.append(await sound.finish())
            ending = sound.ending
        return b"".join(pieces), ending

    async def _seam(self, before: Ending, row: ChunkRow, inside: Boundary | None = None) -> Seam:
        return await asyncio.to_thread(self._pauses.seam, before, row, inside=inside)

    def _go_on(self) -> None:
        """Raises `Stopped` when somebody asked for it."""
        if self._stopping:
            raise Stopped

    async def _refuse(self, started: Started, why: str, *, heard: bool) -> None:
        """Speak a chunk again. When it has been tried often enough, or was `heard`, it is given up where the caller
        allows that; otherwise raises `InferenceFailed`.

        The attempt is in the row, so that a retry of the job does not begin with the seeds that failed.
        """
        self._cancel(started)
        await started.ending()
        self._go_on()
        started.attempts += 1
        index = started.row.chunk_index
        last = heard or started.attempts - started.row.attempts >= ATTEMPTS_ALLOWED
        started.given_up = last and self.job.settings.allow_gaps
        code = "CHUNK_MISSING" if started.given_up else "CHUNK_REFUSED"
        warning = {"code": code, "chunk_index": index, "attempt": started.attempts, "message": why}
        # What a listener was given stays. It is not a part of the next take, which is whole, after a pause.
        written = (await self._log.end()).samples
        silence = self._ending.silence + written - self.job.samples
        before = self._pauses.broken_off if heard else self._ending._replace(silence=silence)
        started.begins, started.before = written, before
        self.job = await self._chunks.refuse(
            self.job,
            ChunkRefused(index, started.attempts, start_sample=written, silence=before.silence, pause=before.pause),
            warning=warning,
        )
        if started.given_up:
            return
        if last:
            raise InferenceFailed(f"{why}; change the text or the voice, or retry the job", chunk_index=index)
        started.asked = self._asking.takes(started.row, started.spoken, started.attempts)

    async def _append(self, row: ChunkRow, pcm: bytes) -> int:
        records = [pcm[at : at + RECORD_BYTES] for at in range(0, len(pcm), RECORD_BYTES)]
        return await self._log.append(row.chunk_index, row.start_char, row.end_char, records)

    async def _commit(self, ready: Sequence[tuple[Started, LogEnd, Ending]]) -> None:
        """The log reaches the medium before the rows that speak of it; then it is news."""
        await self._log.sync()
        done: list[ChunkDone] = []
        start_sample = self.job.samples
        for started, end, ending in ready:
            done.append(
                ChunkDone(
                    chunk_index=started.row.chunk_index,
                    state=ChunkState.GAP if started.given_up else ChunkState.DONE,
                    attempts=started.attempts,
                    seed=started.takes[0].utterance.seed,
                    finish_reason=started.finish_reason,
                    start_sample=start_sample,
                    end_sample=end.samples,
                    last_seq=end.records,
                    silence=ending.silence,
                    pause=ending.pause,
                )
            )
            start_sample = end.samples
        now = time.monotonic()
        self._worked_s, self._working_since = self._worked_s + now - self._working_since, now
        characters = sum(started.row.end_char - started.row.start_char for started, *_ in ready)
        self.job = await self._chunks.finish(
            self.job, done, characters=characters, work_us=round(self._worked_s * 1e6)
        )
        for _ in ready:
            self._started.popleft()
        self._on_progress(self.job)
