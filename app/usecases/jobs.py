"""The use cases of jobs, which all interfaces share. Whatever has an order or a rule is here: who is answered when,
which voice may speak what, what may be deleted. The interfaces translate; the scheduler ends jobs;
`voices.py` and `models.py` are for voices and models.
"""

import asyncio
import logging
import secrets
import shutil
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

from app.audio.export.audio_file import AudioFile
from app.audio.export.formats import WAV
from app.audio.log.log import AudioLog, LogEnd, LogEvent
from app.audio.log.logs import AudioLogs
from app.config import WebhookReach
from app.errors import EmptyText, InvalidRequest, JobNotCompleted, WrongState
from app.inference.languages import language_tag
from app.inference.model import Lane, VoiceKind, VoiceSpec
from app.models.registry import ModelRegistry
from app.scheduler.progress import final_event
from app.scheduler.scheduler import Scheduler
from app.store.jobs import JobStore
from app.store.rows import Job, JobStatus, NewJob, Settings, Voice, Webhook
from app.store.voices import VoiceStore
from app.usecases.fields import wrong
from app.usecases.formats import EncodingChoice, encoder_settings
from app.usecases.voice_chooser import VoiceChooser
from app.usecases.voice_names import is_voice_id
from app.webhooks.for_job import checked

#: Enough for the longest novels; over HTTP a body may be larger only for reference audio.
MAX_TEXT_CHARS = 5_000_000

#: After every audio event that there can be: follows the job without its audio.
NO_AUDIO = 1 << 62

#: Folders that are looked up in one transaction at the start; the others wait that long, no longer.
SWEPT_AT_ONCE = 500

logger = logging.getLogger(__name__)


class Request(Struct, frozen=True, kw_only=True):
    """A job as somebody asks for it."""

    lane: Lane
    #: An id, a name, or None for the active model's. Named as it always was in `request_sha256`.
    voice: str | None = field(name="voice_id")
    #: Whose voice it should be, by id or repository. Not part of `request_sha256` where it is not given.
    model: str | UnsetType = UNSET
    text: str
    language: str
    settings: Settings
    seed: int | None = None
    formats: Sequence[str] = (WAV,)
    #: By format. Not part of `request_sha256` where it is not given.
    encoding: Mapping[str, EncodingChoice] | UnsetType = UNSET
    title: str | None = None
    tags: Sequence[str] = ()
    #: The receiver of the message that it has ended. Not part of `request_sha256` where it is not given.
    notify: Webhook | UnsetType = UNSET


class Jobs:
    """The use cases of jobs. Belongs to the event loop. Cancel, pause, resume and retry are the scheduler's."""

    def __init__(
        self,
        *,
        models: ModelRegistry,
        jobs: JobStore,
        voices: VoiceStore,
        chooser: VoiceChooser,
        logs: AudioLogs,
        scheduler: Scheduler,
        voice_spec: Callable[[Voice], VoiceSpec],
        webhooks: WebhookReach,
    ) -> None:
        self._models, self._jobs = models, jobs
        self._voices, self._chooser = voices, chooser
        self._logs, self._scheduler = logs, scheduler
        self._voice_spec = voice_spec
        self._webhooks = webhooks

    async def submit(
        self, request: Request, *, job_id: str | None = None, idempotency_key: str | None = None
    ) -> tuple[Job, bool]:
        """Queue a job: the job, and whether it is new. It is committed when this returns.

        Raises `EmptyText`, `InvalidRequest`, `VoiceNotFound`, `ModelNotReady`, `IdempotencyConflict`.
        """
        text = speakable(request.text)
        request_sha256 = sha256(msgspec.json.encode((request, idempotency_key))).hexdigest()
        if job_id is not None or idempotency_key is not None:
            before = await self._jobs.repeated(job_id, idempotency_key, request_sha256)
            if before is not None:
                return before, False
        new = await self._checked(request)
        job, fresh = await self._jobs.add(
            msgspec.structs.replace(
                new, id=job_id or new.id, text=text, idempotency_key=idempotency_key, request_sha256=request_sha256
            )
        )
        if fresh:
            self._scheduler.wake(job.lane)
        return job, fresh

    async def submit_unwritten(self, request: Request, job_id: str) -> Job:
        """Queue a job whose text is still to be written, and whose script is open. Raises as `submit` does."""
        new = await self._checked(request)
        job, _ = await self._jobs.add(msgspec.structs.replace(new, id=job_id, chunks_total=0))
        self._scheduler.wake(job.lane)
        return job

    async def _checked(self, request: Request) -> NewJob:
        """The job that is asked for, with an id of its own and without its text."""
        formats = list(request.formats)
        encoding = encoder_settings(formats, {} if request.encoding is UNSET else request.encoding)
        storable(request.title or "", field="title")
        storable("".join(request.tags), field="tags")
        notify = None if request.notify is UNSET else checked(request.notify, self._webhooks)
        request = msgspec.structs.replace(request, language=language_tag(request.language))
        voice, settings = await self._speaker(request)
        self._voice_spec(voice)  # its files are there
        entry = self._models.entry(voice.model_id)
        entry.check_language(voice.name, request.language)
        if settings.instruct and voice.kind is not VoiceKind.DESIGN and not entry.card.supports_instruct:
            why = f"the model {voice.model_id} cannot be told how to speak; leave settings.instruct out"
            raise InvalidRequest.about("settings.instruct", why)
        return NewJob(
            id=str(uuid4()),
            lane=request.lane,
            voice_id=voice.id,
            model_id=voice.model_id,
            language=request.language,
            settings=settings,
            formats=formats,
            encoding=encoding,
            seed=secrets.randbits(53) if request.seed is None else request.seed,
            text="",
            title=request.title,
            tags=sorted(set(request.tags)),
            request_sha256="",
            notify=notify,
        )

    async def get(self, job_id: str) -> Job:
        """The job as it is now. Raises `JobNotFound`."""
        return await self._jobs.get(job_id)

    async def _speaker(self, request: Request) -> tuple[Voice, Settings]:
        """The voice that is asked for or the usual one, and the settings to speak with it."""
        said, settings = request.voice, request.settings
        model = None if request.model is UNSET else request.model
        if said is None:
            voice = await self._chooser.usual(request.language, settings.instruct, model)
            if voice.kind is VoiceKind.DESIGN:  # the instruction is how the voice sounds
                settings = msgspec.structs.replace(settings, instruct="")
            return voice, settings
        if model is None and is_voice_id(said):
            return await self._voices.get(said), settings
        return await self._chooser.named(said, model), settings

    async def delete(self, job_id: str) -> None:
        """Forget a job, its audio and its files; one that is not final is canceled first."""
        job = await self._scheduler.cancel(job_id)
        if not await self._jobs.delete(job):
            raise WrongState("the job was queued again meanwhile; delete it once more")
        # Row first: a folder without a row is swept at the next start, a row without a folder would lie. And no
        # await before the folder is out of the way, so that the id can be used again at once.
        aside = self._logs.drop(job.id, f"{job.id}.{job.seq}.deleted")
        if aside is not None:
            await asyncio.to_thread(shutil.rmtree, aside, ignore_errors=True)

    @asynccontextmanager
    async def follow(
        self, job_id: str, *, after_seq: int = 0, backpressure: bool = False
    ) -> AsyncGenerator[AsyncGenerator[LogEvent]]:
        """The job's events, from its beginning or after `after_seq`, live and replayed alike. With
        `backpressure` the job is spoken only a little ahead of the playhead that its follower reports.

        Raises `JobNotFound` before anything is sent.
        """
        async with self._logs.use(job_id) as log:
            end = await log.end()
            # Only now: whoever ends the job from here on ends this log. Before, it could have been missed. And no
            # await after it, or the row could be an old one by the time the log is closed with it.
            job = await self._jobs.get(job_id)
            log.show(_visible(job, log, end))
            if job.started_at is not None:
                log.start()
            if job.final:
                log.close_with(final_event(job))
            events = log.follow(after_seq)
            if backpressure:
                log.playhead = 0
            self._logs.followers += 1
            try:
                yield events
            finally:
                self._logs.followers -= 1
                if backpressure:
                    log.playhead = None
                    self._scheduler.playhead_moved()
                await events.aclose()

    def report_playhead(self, job_id: str, char: int) -> None:
        """The follower that sets the pace of a job is at this character of its text."""
        log = self._logs.live(job_id)
        if log is not None and log.playhead is not None:
            log.playhead = char
            self._scheduler.playhead_moved()

    async def audio(self, job_id: str, *, format: str | None, partial: bool) -> AudioFile:
        """The job's file in that format, or in the one it has; with `partial` the audio so far as a WAV file of the
        moment, unless there is the file.

        Raises `JobNotCompleted`, or `InvalidRequest` for a format that the job will not have.
        """
        job = await self._jobs.get(job_id)
        if format is None:
            format = WAV if partial or WAV in job.formats else job.formats[0]
        made = await self._jobs.artifact(job, format)
        folder = self._logs.folder(job.id)
        if made is not None:
            # Of WAV it has always been without a format.
            version = f"{job.id}-{job.seq}-{job.finished_at}" + ("" if format == WAV else f"-{format}")
            return AudioFile(b"", folder / made.file_name, 0, made.bytes, version, format)
        if format not in job.formats and not (partial and format == WAV):
            raise wrong("format", f"the job is not made as {format}; it has {', '.join(job.formats)}")
        if partial and format != WAV:
            raise wrong("format", f"the audio so far is given as wav; {format} is there when the job is completed")
        if not partial:
            then = "retry it" if job.final else "wait until it is completed"
            raise JobNotCompleted(
                f"the job is {job.status}; {then}, or ask for the audio so far with ?partial=true",
                status=job.status,
            )
        async with self._logs.use(job.id) as log:
            shown = _visible(job, log, await log.end())
            try:
                head, path, offset, size = await log.snapshot(shown)
            except FileNotFoundError:
                raise JobNotCompleted(f"the job is {job.status} and has no audio yet", status=job.status) from None
        return AudioFile(head, path, offset, size, f"{job.id}-{job.seq}-{shown}")

    def reading(self, job_id: str) -> AbstractAsyncContextManager[object]:
        """While the block runs, somebody reads a file of the job, and it is not pruned."""
        return self._logs.use(job_id)

    async def sweep(self) -> None:
        """Remove what a crash left behind: folders of jobs that have no row."""
        names = await asyncio.to_thread(list, self._logs.folders())
        for start in range(0, len(names), SWEPT_AT_ONCE):
            batch = names[start : start + SWEPT_AT_ONCE]
            for name in set(batch) - await self._jobs.known(batch):
                if self._logs.live(name) is None:
                    await _removed(self._logs.folder(name))


async def _removed(folder: Path) -> None:
    logger.info("removing %s, which has no row", folder)
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _visible(job: Job, log: AudioLog, end: LogEnd) -> int:
    """How many records of a job may be seen: of a running one what its run has shown, else all that a listener
    was played, or what is committed of a render.
    """
    if job.status is JobStatus.RUNNING:
        return log.published
    return end.records if job.lane is Lane.SPEAK else job.last_seq


def speakable(text: str) -> str:
    """The text, if it can be spoken and kept. Raises `EmptyText` or `InvalidRequest`."""
    if not text.strip():
        raise EmptyText.about("text")
    return storable(text)


def storable(text: str, *, field: str = "text") -> str:
    """The text, or a part of one, if it can be kept. Raises `InvalidRequest`."""
    if "\0" in text:
        raise InvalidRequest.about(field, f"there is a NUL character in the {field}; leave it out")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        where = f"at character {error.start}; send whole characters"
        raise InvalidRequest.about(field, f"there is half of a surrogate pair in the {field} {where}") from error
    return text
