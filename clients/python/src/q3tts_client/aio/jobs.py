"""`/v1/jobs`: submit, history, one job, control, its audio."""

import builtins
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Unpack
from urllib.parse import quote
from uuid import uuid4

from q3tts_client.aio.http import AsyncHttp
from q3tts_client.aio.transport import wait
from q3tts_client.answering import answering
from q3tts_client.answers import (
    Artifact,
    ArtifactList,
    AudioLink,
    ChunkList,
    Deleted,
    Job,
    JobPage,
    JobsDeleted,
    JobsPruned,
    JobStats,
)
from q3tts_client.errors import EngineError, error_of
from q3tts_client.files import FilePath, saved
from q3tts_client.requests import (
    ChunkFilter,
    DeletionFilter,
    ExportFilter,
    JobFilter,
    PruneArguments,
    StatsFilter,
    SubmitArguments,
)

FINAL = ("completed", "failed", "canceled")

#: How often a job is looked at that is waited for: soon at first, since many take no time. In seconds.
FIRST_LOOK_S, MAX_LOOK_S = 0.05, 2.0


class AsyncJobs:
    """The jobs of an engine."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def submit(
        self, text: str, *, idempotency_key: str | None = None, **options: Unpack[SubmitArguments]
    ) -> Job:
        """Queue a text to be rendered into a file. With the same key the same request makes one job, however often
        it is sent; without one, the client makes one.
        """
        headers = {"Idempotency-Key": idempotency_key or uuid4().hex}
        return await self._http.json(Job, "POST", "/jobs", body={**options, "text": text}, headers=headers)

    async def put(self, job_id: str, text: str, **options: Unpack[SubmitArguments]) -> Job:
        """The same under an id of your own, a UUID."""
        return await self._http.json(Job, "PUT", path_of(job_id), body={**options, "text": text})

    async def list(self, **filters: Unpack[JobFilter]) -> JobPage:
        """One page of the history, newest first."""
        return await self._http.json(JobPage, "GET", "/jobs", query=filters)

    async def all(self, **filters: Unpack[JobFilter]) -> AsyncIterator[Job]:
        """The history, newest first, page by page as you go."""
        page = await self.list(**filters)
        while True:
            for job in page.jobs:
                yield job
            if page.next_cursor is None:
                return
            page = await self.list(**{**filters, "cursor": page.next_cursor})

    async def stats(self, **filters: Unpack[StatsFilter]) -> JobStats:
        """Totals over all jobs that there ever were, deleted ones too, and over groups of them."""
        return await self._http.json(JobStats, "GET", "/jobs/stats", query=filters)

    async def export(self, path: FilePath, **filters: Unpack[ExportFilter]) -> None:
        """The history as a file, newest first: a table if it ends in .csv, else a JSON document on each line."""
        query = {**filters, "format": "csv" if Path(path).suffix.lower() == ".csv" else "jsonl"}
        await self._save("/jobs/export", query, path)

    async def count(self, **filters: Unpack[DeletionFilter]) -> JobsDeleted:
        """How many jobs match, and how much speech they have."""
        return await self._http.json(JobsDeleted, "DELETE", "/jobs", query={**filters, "dry_run": "true"})

    async def delete_all(self, expected: int, **filters: Unpack[DeletionFilter]) -> JobsDeleted:
        """Forget all jobs that match, if they are as many as `count` has said."""
        query = {**filters, "expected": expected}
        return await self._http.json(JobsDeleted, "DELETE", "/jobs", query=query, once=True)

    async def prune(self, **limits: Unpack[PruneArguments]) -> JobsPruned:
        """Delete the oldest jobs that have ended, until what is left is within the limits."""
        return await self._http.json(JobsPruned, "POST", "/jobs/prune", body=limits, once=True)

    async def get(self, job_id: str) -> Job:
        """One job."""
        return await self._http.json(Job, "GET", path_of(job_id))

    async def wait(self, job_id: str) -> Job:
        """The job when it has completed. Raises `EngineError` for one that has failed or was canceled."""
        pause = FIRST_LOOK_S
        while (job := await self.get(job_id)).status not in FINAL:
            await wait(pause)
            pause = min(2 * pause, MAX_LOOK_S)
        if job.error is not None:
            raise error_of(job.error)
        if job.status != "completed":
            raise EngineError("JOB_NOT_COMPLETED", f"the job is {job.status}", details={"status": job.status})
        return job

    async def text(self, job_id: str) -> str:
        """The job's text exactly as it was submitted."""
        return (await self._http.bytes("GET", path_of(job_id, "/text"))).decode()

    async def chunks(self, job_id: str, **filters: Unpack[ChunkFilter]) -> ChunkList:
        """The stretches of text that are spoken in one go; `next_start` is None at the end."""
        return await self._http.json(ChunkList, "GET", path_of(job_id, "/chunks"), query=filters)

    async def artifacts(self, job_id: str) -> builtins.list[Artifact]:
        """The files that were made; none until the job is completed."""
        return (await self._http.json(ArtifactList, "GET", path_of(job_id, "/artifacts"))).artifacts

    async def audio(self, job_id: str, *, format: str = "wav", partial: bool = False) -> bytes:
        """The job's file. With `partial` the audio so far of a job that is not completed."""
        return await self._http.bytes("GET", path_of(job_id, "/audio"), query=audio_query(format, partial))

    async def save(self, job_id: str, path: FilePath, *, partial: bool = False) -> None:
        """The same into a file, whose ending says which of the job's files is meant."""
        query = audio_query(Path(path).suffix.removeprefix(".").lower(), partial)
        await self._save(path_of(job_id, "/audio"), query, path)

    async def _save(self, route: str, query: dict[str, Any], path: FilePath) -> None:
        async with self._http.stream("GET", route, query=query) as response:
            with saved(path) as file, answering(self._http.connection):
                async for piece in response.aiter_bytes():
                    file.write(piece)

    async def link(self, job_id: str, *, format: str = "mp3", seconds: int | None = None) -> AudioLink:
        """An address of the job's audio, live and without the token. The engine must have been started with
        `--audio-links`.
        """
        query = {"format": format, "seconds": seconds}
        return await self._http.json(AudioLink, "POST", path_of(job_id, "/link"), query=query)

    async def cancel(self, job_id: str) -> Job:
        """Answered when the job is final. The audio so far is kept."""
        return await self._http.json(Job, "POST", path_of(job_id, "/cancel"))

    async def pause(self, job_id: str) -> Job:
        """Let a queued or running job rest."""
        return await self._http.json(Job, "POST", path_of(job_id, "/pause"))

    async def resume(self, job_id: str) -> Job:
        """Let a paused job go on."""
        return await self._http.json(Job, "POST", path_of(job_id, "/resume"), once=True)

    async def retry(self, job_id: str) -> Job:
        """Let a failed or canceled job go on, after the chunks that it has."""
        return await self._http.json(Job, "POST", path_of(job_id, "/retry"), once=True)

    async def delete(self, job_id: str) -> None:
        """Forget the job, its audio and its files."""
        await self._http.json(Deleted, "DELETE", path_of(job_id), once=True)


def path_of(job_id: str, rest: str = "") -> str:
    """Where a job is."""
    return f"/jobs/{quote(job_id, safe='')}{rest}"


def audio_query(format: str, partial: bool) -> dict[str, Any]:
    """Which audio of a job is meant."""
    return {"format": format, "partial": "true" if partial else None}
