"""One job at work: its chunks are handed to the model as the lane allows, and their takes go into the log in order.

A run knows its job, the pool, the log and the rows of its chunks. It does not know the other jobs, and it writes no
final state: it returns when all of the text is in the log, and raises when it is stopped or fails.

A listener's audio is shown as it comes. A render's is shown once its chunk is complete, synced and committed, so
that a crash can never take back what somebody has heard.
"""

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from app import SAMPLE_RATE
from app.audio.effects import Effects
from app.audio.log import AudioLog, LogEnd
from app.errors import InferenceFailed
from app.inference.model import FinishReason, Utterance, VoiceSpec
from app.inference.pool import Pool
from app.inference.take import Take
from app.scheduler.attempts import ATTEMPTS_ALLOWED, chunk_seed, objection
from app.store.chunks import ChunkStore
from app.store.rows import ChunkDone, ChunkRow, Job
from app.text.spoken import spoken_text

#: Chunks that may be started before the first of them is in the log: it bounds the memory of a job.
AHEAD = {"speak": 2, "render": 8}

#: The longest stretch of audio in one record, one second.
RECORD_BYTES = 2 * SAMPLE_RATE


class Stopped(Exception):
    """Somebody asked the run to stop: it has, and nothing of it is in the model any more."""


class Started:
    """A chunk that the model was given, and what its take has brought so far."""

    def __init__(self, row: ChunkRow, spoken: str, take: Take) -> None:
        self.row, self.spoken, self.take = row, spoken, take
        self.attempts = row.attempts


class JobRun:
    """Belongs to the event loop; `speak` is awaited by the scheduler's task for the job."""

    def __init__(
        self,
        job: Job,
        text: str,
        plan: Sequence[ChunkRow],
        *,
        voice: VoiceSpec,
        native: frozenset[str],
        ids: "itertools.count[int]",
        pool: Pool,
        log: AudioLog,
        chunks: ChunkStore,
        on_progress: Callable[[Job], None],
    ) -> None:
        self.job = job
        self._text = text
        self._plan = plan
        self._voice, self._ids, self._native = voice, ids, native
        self._pool, self._log, self._chunks = pool, log, chunks
        self._on_progress = on_progress
        self._next = job.chunks_done
        self._started: deque[Started] = deque()
        self._news = asyncio.Event()
        self._stopping = False
        self._worked_s = job.work_us / 1e6
        self._working_since = time.monotonic()

    @property
    def wants(self) -> bool:
        """It has a chunk that may be started now."""
        return not self._stopping and self._next < len(self._plan) and len(self._started) < AHEAD[self.job.lane]

    def start_next(self) -> None:
        """Give the model the next chunk."""
        row = self._plan[self._next]
        self._next += 1
        spoken = spoken_text(self._text[row.start_char : row.end_char])
        self._started.append(Started(row, spoken, self._take(row, spoken, row.attempts)))
        self._news.set()

    def stop(self) -> None:
        """Ask the run to stop: it raises `Stopped` once the model has let go of everything."""
        self._stopping = True
        for started in self._started:
            self._pool.cancel(started.take)
        self._news.set()

    async def speak(self) -> None:
        """Bring all of the text into the log. Raises `Stopped`, or a `SpeechError` when it cannot be."""
        finish: Callable[[], Awaitable[None]] = (
            self._listen_to_next if self.job.lane == "speak" else self._render_next
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
                self._pool.cancel(started.take)
            for started in self._started:
                await started.take.ending()

    def _take(self, row: ChunkRow, spoken: str, attempt: int) -> Take:
        settings = self.job.settings
        utterance = Utterance(
            id=next(self._ids),
            text=spoken,
            voice=self._voice,
            lane="speak" if self.job.lane == "speak" else "render",
            seed=chunk_seed(self.job.seed, row.chunk_index, attempt),
            language=self.job.language,
            rate=settings.rate if "rate" in self._native else 1.0,
            pitch=settings.pitch if "pitch" in self._native else 1.0,
            volume=settings.volume if "volume" in self._native else 1.0,
        )
        if spoken:
            return self._pool.submit(utterance)
        silent = Take(utterance)  # nothing to say, nothing for the model to do
        silent.end(FinishReason.STOP)
        return silent

    def _effects(self) -> Effects:
        settings = self.job.settings
        return Effects(
            rate=1.0 if "rate" in self._native else settings.rate,
            pitch=1.0 if "pitch" in self._native else settings.pitch,
            volume=1.0 if "volume" in self._native else settings.volume,
        )

    async def _listen_to_next(self) -> None:
        """The next chunk, shown to its listeners as it comes."""
        started = self._started[0]
        # What an earlier run of this job has shown of the chunk stays; the same bytes come again and are dropped.
        drop = 2 * ((await self._log.end()).samples - self.job.samples)
        effects, sound_bytes, shown = self._effects(), 0, drop > 0
        async for pcm in started.take.pcm():
            self._go_on()
            sound_bytes += self._sound_bytes(pcm)
            shown |= bool(sound_bytes)
            drop = await self._show(started.row, await _applied(effects, pcm), drop)
        self._go_on()
        if why := self._objection(started, sound_bytes):
            await self._refuse(started, why, last=shown)  # what was heard cannot be said again
            return
        await self._show(started.row, await _applied(effects, None), drop)
        await self._commit([(started, await self._log.end())])

    async def _show(self, row: ChunkRow, pcm: bytes, drop: int) -> int:
        """Write and show audio, but for its first `drop` bytes; how much is still to be dropped."""
        kept = pcm[drop:]
        if kept:
            self._log.show(await self._append(row, kept))
        return max(0, drop - len(pcm))

    async def _render_next(self) -> None:
        """The next chunk, and those behind it that are complete by then, committed together."""
        ready: list[tuple[Started, LogEnd]] = []
        try:
            for started in list(self._started):
                if ready and not started.take.ended:
                    break
                pcm = await self._whole(started)
                if pcm is None:
                    break
                await self._append(started.row, pcm)
                ready.append((started, await self._log.end()))
        finally:
            if ready:  # whatever happened to the one behind them
                await self._commit(ready)
                self._log.show(self.job.last_seq)

    async def _whole(self, started: Started) -> bytes | None:
        """All audio of a chunk; None when the take was refused, and the chunk is spoken again."""
        effects, pieces, sound_bytes = self._effects(), list[bytes](), 0
        async for pcm in started.take.pcm():
            sound_bytes += self._sound_bytes(pcm)
            pieces.append(await _applied(effects, pcm))
        pieces.append(await _applied(effects, None))
        self._go_on()
        if why := self._objection(started, sound_bytes):
            await self._refuse(started, why, last=False)
            return None
        return b"".join(pieces)

    def _go_on(self) -> None:
        """Raises `Stopped` when somebody asked for it."""
        if self._stopping:
            raise Stopped

    def _sound_bytes(self, pcm: bytes) -> int:
        """How much of it is not silence; all of it where silence was asked for."""
        return len(pcm) if self.job.settings.volume == 0 else len(pcm) - pcm.count(0)

    def _objection(self, started: Started, sound_bytes: int) -> str | None:
        reason = started.take.finish_reason
        assert reason is not None
        return objection(started.spoken, sound_bytes, reason)

    async def _refuse(self, started: Started, why: str, *, last: bool) -> None:
        """Speak a chunk again, with the next seed; raises `InferenceFailed` when it has been tried often enough.

        The attempt is in the row, so that a retry of the job does not begin with the seeds that failed.
        """
        started.attempts += 1
        index = started.row.chunk_index
        warning = {"code": "CHUNK_REFUSED", "chunk_index": index, "attempt": started.attempts, "message": why}
        self.job = await self._chunks.refuse(self.job, index, attempts=started.attempts, warning=warning)
        if last or started.attempts - started.row.attempts >= ATTEMPTS_ALLOWED:
            raise InferenceFailed(f"{why}; change the text or the voice, or retry the job", chunk_index=index)
        started.take = self._take(started.row, started.spoken, started.attempts)

    async def _append(self, row: ChunkRow, pcm: bytes) -> int:
        records = [pcm[at : at + RECORD_BYTES] for at in range(0, len(pcm), RECORD_BYTES)]
        return await self._log.append(row.chunk_index, row.start_char, row.end_char, records)

    async def _commit(self, ready: Sequence[tuple[Started, LogEnd]]) -> None:
        """The log reaches the medium before the rows that speak of it; then it is news."""
        await self._log.sync()
        done: list[ChunkDone] = []
        start_sample = self.job.samples
        for started, end in ready:
            reason = started.take.finish_reason
            assert reason is not None
            done.append(
                ChunkDone(
                    chunk_index=started.row.chunk_index,
                    attempts=started.attempts,
                    seed=started.take.utterance.seed,
                    finish_reason=reason,
                    start_sample=start_sample,
                    end_sample=end.samples,
                    last_seq=end.records,
                )
            )
            start_sample = end.samples
        now = time.monotonic()
        self._worked_s, self._working_since = self._worked_s + now - self._working_since, now
        characters = sum(started.row.end_char - started.row.start_char for started, _ in ready)
        self.job = await self._chunks.finish(
            self.job, done, characters=characters, work_us=round(self._worked_s * 1e6)
        )
        for _ in ready:
            self._started.popleft()
        self._on_progress(self.job)


async def _applied(effects: Effects, pcm: bytes | None) -> bytes:
    """PCM with the effects on it, worked out in a thread; None asks for the rest."""
    if effects.idle:
        return pcm or b""
    if pcm is None:
        return await asyncio.to_thread(effects.finish)
    return await asyncio.to_thread(effects.push, pcm)
