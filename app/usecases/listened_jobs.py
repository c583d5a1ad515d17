"""Jobs that live as long as the HTTP requests that listen to them: the last listener to go cancels the job."""

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from uuid import uuid4

from app.errors import SpeechError
from app.process.waiting import wait_uncancelled
from app.scheduler.scheduler import Scheduler
from app.store.jobs import JobStore
from app.store.rows import Job, JobStatus
from app.usecases.jobs import Jobs, Request


class ListenedJobs:
    """Belongs to the event loop."""

    def __init__(self, *, jobs: Jobs, store: JobStore, scheduler: Scheduler) -> None:
        self._jobs, self._store, self._scheduler = jobs, store, scheduler
        self._listeners: Counter[str] = Counter()
        self._canceling: set[str] = set()  #: nobody listens to them any more

    @asynccontextmanager
    async def spoken(self, asked: Request, *, idempotency_key: str | None = None) -> AsyncGenerator[str]:
        """A job's id, for as long as the block runs. The job is canceled when the block fails or is canceled,
        unless another request has joined it: one with the same key, while it is spoken or once it is completed.

        Raises what `Jobs.submit` does.
        """
        job_id = str(uuid4())
        self._listeners[job_id] += 1
        try:
            job = await self._submitted(asked, job_id, idempotency_key)
            if job.id != job_id:
                self._leave(job_id)
                job_id = job.id
                self._listeners[job_id] += 1
            yield job_id
        except BaseException:
            if self._leave(job_id):
                await wait_uncancelled(self._cancel(job_id))
            raise
        self._leave(job_id)

    async def _submitted(self, asked: Request, job_id: str, key: str | None) -> Job:
        while True:
            job, fresh = await self._jobs.submit(asked, job_id=job_id, idempotency_key=key)
            if job.id in self._canceling:
                job = await self._scheduler.cancel(job.id)
            if fresh or job.status not in (JobStatus.FAILED, JobStatus.CANCELED):
                return job
            await self._store.release_key(job)  # there is nothing to repeat: it is spoken anew

    def _leave(self, job_id: str) -> bool:
        """Whether that was the last listener."""
        self._listeners[job_id] -= 1
        if self._listeners[job_id]:
            return False
        del self._listeners[job_id]
        return True

    async def _cancel(self, job_id: str) -> None:
        self._canceling.add(job_id)
        try:
            with suppress(SpeechError):  # there is no such job yet, or the disk is full
                await self._scheduler.cancel(job_id)
        finally:
            self._canceling.discard(job_id)
