"""How a job's run ends: the only writer of final states.

When a job ends, its file is on disk first, then its row is final, then its last event goes out: whoever sees the
event can fetch the row and the file.
"""

import asyncio
import logging
from collections.abc import Iterable
from typing import Protocol

import msgspec

from app.audio.export.formats import WAV
from app.audio.export.job_export import JobExport
from app.audio.log.log import AudioLog
from app.audio.log.logs import AudioLogs
from app.errors import EngineRestarted, SpeechError, StorageFailed, VoiceNotFound
from app.inference.model import Lane
from app.scheduler.active_job import ActiveJob, StopReason
from app.scheduler.feed import Feed
from app.scheduler.progress import final_event
from app.store.clock import now_us
from app.store.rows import Artifact, Changes, Job, JobStatus

#: How often a state that could not be written, because the disk is full, is tried again.
STORAGE_RETRY_S = 2.0

logger = logging.getLogger(__name__)


class StateRows(Protocol):
    """The rows of jobs, as far as their states are concerned; None when a job was in another state by then."""

    async def move(
        self, job: Job, *, before: Iterable[JobStatus], to: JobStatus, changes: Changes | None = None
    ) -> Job | None:
        """Change a job's state."""
        ...

    async def complete(self, job: Job, made: Iterable[Artifact], changes: Changes) -> Job | None:
        """Finish a running job together with the rows of its files."""
        ...


class Finisher:
    """Belongs to the event loop; each method is awaited by the task of the job that it ends."""

    def __init__(self, jobs: StateRows, logs: AudioLogs, feed: Feed, *, storage_retry_s: float) -> None:
        self._jobs, self._logs, self._feed = jobs, logs, feed
        self._storage_retry_s = storage_retry_s

    async def complete(self, active: ActiveJob, log: AudioLog, export: JobExport) -> None:
        """Files, rows, event: in this order. Raises `RunStopped` when it should stop before there are files."""
        samples = active.job.samples
        made = [
            Artifact(format=file.format, file_name=file.file_name, bytes=file.bytes, samples=samples)
            for file in await export.finish(active.raise_if_stopped)
        ]
        if WAV in active.job.formats:
            file_name, size = await log.publish_wav()
            made.append(Artifact(format=WAV, file_name=file_name, bytes=size, samples=samples))
        done = await self._jobs.complete(active.job, made, Changes(finished_at=now_us()))
        assert done is not None, "only the scheduler moves a running job"
        self.announce(done)

    async def stop(self, active: ActiveJob, log: AudioLog) -> None:
        """End or requeue a job that was stopped, as the reason asks for."""
        match active.stop_reason:
            case StopReason.CANCEL:
                await self._finish(active, log, JobStatus.CANCELED, Changes())
            case StopReason.VOICE_GONE:
                voice_id = active.job.voice_id
                gone = VoiceNotFound("the voice was deleted while the job was running", voice_id=voice_id)
                await self.fail(active, log, gone)
            case StopReason.PAUSE:
                await self._persist(active, JobStatus.PAUSED, Changes())
            case _ if active.job.lane is Lane.SPEAK:
                error = EngineRestarted("the engine was stopped while the job was spoken to a listener")
                await self.fail(active, log, error)
            case _:
                await self._persist(active, JobStatus.QUEUED, Changes())

    async def fail(self, active: ActiveJob, log: AudioLog, error: SpeechError) -> None:
        """End a job with an error; the audio that was shown is kept."""
        await self._finish(active, log, JobStatus.FAILED, Changes(error=error.body()))

    def announce(self, job: Job) -> None:
        """Send the event of a job that is final."""
        event = final_event(job)
        if (log := self._logs.live(job.id)) is not None:
            log.close_with(event)
        self._feed.publish(event)

    async def _finish(self, active: ActiveJob, log: AudioLog, to: JobStatus, changes: Changes) -> None:
        """End without an artifact; the audio that was shown is kept."""
        log.start()  # it was, even if it failed before its first chunk
        job = active.job
        try:
            if job.lane is Lane.SPEAK and log.published:
                await log.sync()
            elif job.lane is Lane.RENDER and (await log.end()).records > job.last_seq:
                await log.cut(job.last_seq)  # on a full disk the row needs the room
        except SpeechError as error:
            logger.warning("the log of job %s cannot be tidied: %s", job.id, error)
        changes = msgspec.structs.replace(changes, finished_at=now_us())
        self.announce(await self._persist(active, to, changes))

    async def _persist(self, active: ActiveJob, to: JobStatus, changes: Changes) -> Job:
        """Write the state in which a run ends, however long the disk is full."""
        while True:
            try:
                moved = await self._jobs.move(active.job, before=(JobStatus.RUNNING,), to=to, changes=changes)
            except StorageFailed as error:
                logger.error("job %s cannot be written as %s yet: %s", active.job.id, to, error)
                active.notify_blocked(error)
                await asyncio.sleep(self._storage_retry_s)
            else:
                assert moved is not None, "only the scheduler moves a running job"
                return moved
