"""What can be asked of the engine, whatever door the question comes through. Here is what has an order or a rule:
who is answered when, which voice may speak what, what may be deleted. The doors translate; the scheduler ends jobs.
"""

import asyncio
import logging
import secrets
import shutil
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import msgspec
from msgspec import Struct

from app.audio.log import AudioLog, LogEnd, LogEvent
from app.audio.logs import AudioLogs
from app.audio.reference import Recording, from_base64, from_path, read, write_voice
from app.errors import (
    EmptyText,
    Forbidden,
    InvalidRequest,
    JobNotCompleted,
    ModelNotReady,
    TranscriptRequired,
    VoiceNotFound,
    WrongState,
)
from app.inference.catalogue import Entry
from app.inference.pool import Pool
from app.scheduler.feed import Feed
from app.scheduler.progress import final_event
from app.scheduler.scheduler import Scheduler
from app.store.chunks import ChunkStore
from app.store.clock import now_us
from app.store.history import History
from app.store.jobs import JobStore
from app.store.rows import Job, JobStatus, NewJob, Settings, Voice
from app.store.voices import VoiceStore

#: Folders that are looked up in one transaction at the start; the others wait that long, no longer.
SWEPT_AT_ONCE = 500

logger = logging.getLogger(__name__)


class Request(Struct, frozen=True, kw_only=True):
    """A job as somebody asks for it."""

    lane: str
    voice_id: str
    text: str
    language: str
    settings: Settings
    seed: int | None = None
    formats: Sequence[str] = ("wav",)
    title: str | None = None
    tags: Sequence[str] = ()


class Audio(Struct, frozen=True):
    """A job's audio as it can be downloaded: `head`, then `size` bytes of the file from `offset` on."""

    head: bytes
    path: Path
    offset: int
    size: int
    version: str  #: changes when the bytes do


class Speech:
    """Belongs to the event loop."""

    def __init__(
        self,
        *,
        model: Entry,
        jobs: JobStore,
        chunks: ChunkStore,
        history: History,
        voices: VoiceStore,
        logs: AudioLogs,
        pool: Pool,
        scheduler: Scheduler,
        feed: Feed,
        voices_folder: Path,
    ) -> None:
        self.model = model
        self._voices_folder = voices_folder
        self._new_voices: set[str] = set()  #: have a folder and no row, for a moment
        self.jobs, self.chunks, self.history, self.voices = jobs, chunks, history, voices
        self.pool, self.feed = pool, feed
        self._logs, self._scheduler = logs, scheduler

    async def submit(
        self, request: Request, *, job_id: str | None = None, idempotency_key: str | None = None
    ) -> tuple[Job, bool]:
        """Queue a job: the job, and whether it is new. It is committed when this returns.

        Raises `EmptyText`, `InvalidRequest`, `VoiceNotFound`, `ModelNotReady`, `IdempotencyConflict`.
        """
        text = speakable(request.text)
        request_sha256 = sha256(msgspec.json.encode((request, idempotency_key))).hexdigest()
        if job_id is not None or idempotency_key is not None:
            before = await self.jobs.repeated(job_id, idempotency_key, request_sha256)
            if before is not None:
                return before, False
        voice = await self.voices.get(request.voice_id)
        if voice.model_id != self.model.card.model_id:
            raise ModelNotReady(
                f"the voice belongs to model {voice.model_id}; active is {self.model.card.model_id}",
                model_id=voice.model_id,
            )
        language = "" if request.language == "auto" else request.language
        if voice.kind == "preset":
            self.model.check_language(voice.name, language)
        job, fresh = await self.jobs.add(
            NewJob(
                id=job_id or str(uuid4()),
                lane=request.lane,
                voice_id=voice.id,
                model_id=voice.model_id,
                language=language,
                settings=request.settings,
                formats=list(request.formats),
                seed=secrets.randbits(53) if request.seed is None else request.seed,
                text=text,
                title=request.title,
                tags=sorted(set(request.tags)),
                idempotency_key=idempotency_key,
                request_sha256=request_sha256,
            )
        )
        if fresh:
            self._scheduler.wake(job.lane)
        return job, fresh

    async def cancel(self, job_id: str) -> Job:
        """End a job; the job as it is then, which is not `canceled` if it had ended before."""
        return await self._scheduler.cancel(job_id)

    async def pause(self, job_id: str) -> Job:
        """Let a job rest. Raises `WrongState` when it is final."""
        return await self._scheduler.pause(job_id)

    async def resume(self, job_id: str) -> Job:
        """Let a paused job go on. Raises `WrongState`."""
        return await self._scheduler.resume(job_id)

    async def retry(self, job_id: str) -> Job:
        """Let a failed or canceled job go on behind the chunks it has. Raises `WrongState`."""
        return await self._scheduler.retry(job_id)

    async def delete(self, job_id: str) -> None:
        """Forget a job, its audio and its files; one that is not final is canceled first."""
        job = await self._scheduler.cancel(job_id)
        if not await self.jobs.delete(job):
            raise WrongState("the job was queued again meanwhile; delete it once more")
        # Row first: a folder without a row is swept at the next start, a row without a folder would lie. And no
        # await before the folder is out of the way, so that the id can be used again at once.
        aside = self._logs.drop(job.id, f"{job.id}.{job.seq}.deleted")
        if aside is not None:
            await asyncio.to_thread(shutil.rmtree, aside, ignore_errors=True)

    @asynccontextmanager
    async def follow(self, job_id: str, *, after_seq: int = 0) -> AsyncGenerator[AsyncGenerator[LogEvent]]:
        """The job's events, from its beginning or behind `after_seq`, live and replayed alike.

        Raises `JobNotFound` before anything is sent.
        """
        async with self._logs.use(job_id) as log:
            end = await log.end()
            # Only now: whoever ends the job from here on ends this log. Before, it could have been missed. And no
            # await behind it, or the row could be an old one by the time the log is closed with it.
            job = await self.jobs.get(job_id)
            log.show(_visible(job, log, end))
            if job.started_at is not None:
                log.start()
            if job.final:
                log.close_with(final_event(job))
            events = log.follow(after_seq)
            try:
                yield events
            finally:
                await events.aclose()

    async def audio(self, job_id: str, *, format: str, partial: bool) -> Audio:
        """The job's file, or with `partial` the audio so far as a WAV file of the moment.

        Raises `JobNotCompleted`.
        """
        job = await self.jobs.get(job_id)
        made = await self.jobs.artifact(job, format)
        folder = self._logs.folder(job.id)
        if made is not None:
            return Audio(b"", folder / made.file_name, 0, made.bytes, f"{job.id}-{job.seq}-{job.finished_at}")
        if not partial:
            raise JobNotCompleted(
                f"the job is {job.status}; wait until it is completed, or ask for the audio so far with "
                "?partial=true",
                status=job.status,
            )
        async with self._logs.use(job.id) as log:
            shown = _visible(job, log, await log.end())
            try:
                head, path, offset, size = await log.snapshot(shown)
            except FileNotFoundError:
                raise JobNotCompleted(f"the job is {job.status} and has no audio yet", status=job.status) from None
        return Audio(head, path, offset, size, f"{job.id}-{job.seq}-{shown}")

    async def clone(
        self,
        *,
        display_name: str,
        path: str | None,
        wav_base64: str | None,
        transcript: str | None,
        language: str | None,
    ) -> Voice:
        """Make a voice from a recording: a file on this machine, or a WAV file as base64.

        Raises `InvalidAudio`, `TranscriptRequired`, `ModelNotReady`.
        """
        recording = await asyncio.to_thread(_recording, path, wav_base64)
        if not (transcript or "").strip():
            raise TranscriptRequired
        card = self.model.card
        if not card.supports_clone:
            raise ModelNotReady(f"the model {card.model_id} cannot clone voices", model_id=card.model_id)
        voice = Voice(
            id=str(uuid4()),
            kind="clone",
            display_name=display_name,
            model_id=card.model_id,
            name="",
            language_hint=None if language in (None, "", "auto") else language,
            transcript=transcript,
            created_at=now_us(),
        )
        # Files first: a folder without a row is harmless, a row without its recording is not.
        self._new_voices.add(voice.id)
        try:
            await asyncio.to_thread(write_voice, self._voices_folder / voice.id, recording)
            await self.voices.add(voice)
        finally:
            self._new_voices.discard(voice.id)
        return voice

    async def delete_voice(self, voice_id: str) -> None:
        """Forget a voice that was made here, and its files. Raises `VoiceNotFound`, `Forbidden`."""
        voice = await self.voices.get(voice_id)
        if voice.kind == "preset":
            raise Forbidden("a preset is part of its model and cannot be deleted", voice_id=voice_id)
        if not await self.voices.delete(voice_id):
            raise VoiceNotFound(voice_id=voice_id)
        await asyncio.to_thread(shutil.rmtree, self._voices_folder / voice_id, ignore_errors=True)

    async def sweep(self) -> None:
        """Remove what a crash left behind: folders of jobs and voices that have no row."""
        names = await asyncio.to_thread(list, self._logs.folders())
        for start in range(0, len(names), SWEPT_AT_ONCE):
            batch = names[start : start + SWEPT_AT_ONCE]
            for name in set(batch) - await self.jobs.known(batch):
                if self._logs.live(name) is None:
                    await _removed(self._logs.folder(name))
        voices = {voice.id for voice in await self.voices.list(kind="clone")}
        for folder in await asyncio.to_thread(list, self._voices_folder.iterdir()):
            if folder.name not in voices and folder.name not in self._new_voices:
                await _removed(folder)


async def _removed(folder: Path) -> None:
    logger.info("removing %s, which has no row", folder)
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _visible(job: Job, log: AudioLog, end: LogEnd) -> int:
    """How many records of a job may be seen: of one at work what its run has shown, else all that a listener
    was played, or what is committed of a render.
    """
    if job.status is JobStatus.RUNNING:
        return log.published
    return end.records if job.lane == "speak" else job.last_seq


def _recording(path: str | None, wav_base64: str | None) -> Recording:
    return read(from_path(path) if path is not None else from_base64(wav_base64 or ""))


def speakable(text: str) -> str:
    """The text, if it can be spoken and kept. Raises `EmptyText` or `InvalidRequest`."""
    if not text.strip():
        raise EmptyText
    if "\0" in text:
        raise InvalidRequest("the text has a NUL character; send text without it")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest(
            f"the text has half of a surrogate pair at character {error.start}; send whole characters"
        ) from error
    return text
