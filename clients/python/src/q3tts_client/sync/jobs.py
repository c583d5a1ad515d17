"""`/v1/jobs`: submit, history, one job, control, its audio."""

import builtins
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Unpack
from urllib.parse import quote
from uuid import uuid4

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
from q3tts_client.sync.http import Http
from q3tts_client.sync.transport import wait

FINAL = ("completed", "failed", "canceled")

#: How often a job is looked at that is waited for: soon at first, since many take no time. In seconds.
FIRST_LOOK_S, MAX_LOOK_S = 0.05, 2.0


class Jobs:
    """The jobs of an engine."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def submit(self, text: str, *, idempotency_key: str | None = None, **options: Unpack[SubmitArguments]) -> Job:
        """Queue a text to be rendered into a file. With the same key the same request makes one job, however often
        it is sent; without one, the client makes one.
        """
        headers = {"Idempotency-Key": idempotency_key or uuid4().hex}
        return self._http.json(Job, "POST", "/jobs", body={**options, "text": text}, headers=headers)

    def put(self, job_id: str, text: str, **options: Unpack[SubmitArguments]) -> Job:
        """The same under an id of your own, a UUID."""
        return self._http.json(Job, "PUT", path_of(job_id), body={**options, "text": text})

    def list(self, **filters: Unpack[JobFilter]) -> JobPage:
        """One page of the history, newest first."""
        return self._http.json(JobPage, "GET", "/jobs", query=filters)

    def all(self, **filters: Unpack[JobFilter]) -> Iterator[Job]:
        """The history, newest first, page by page as you go."""
        page = self.list(**filters)
        while True:
            for job in page.jobs:
                yield job
            if page.next_cursor is None:
                return
            page = self.list(**{**filters, "cursor": page.next_cursor})

    def stats(self, **filters: Unpack[StatsFilter]) -> JobStats:
        """Totals over all jobs that there ever were, deleted ones too, and over groups of them."""
        return self._http.json(JobStats, "GET", "/jobs/stats", query=filters)

    def export(self, path: FilePath, **filters: Unpack[ExportFilter]) -> None:
        """The history as a file, newest first: a table if it ends in .csv, else a JSON document on each line."""
        query = {**filters, "format": "csv" if Path(path).suffix.lower() == ".csv" else "jsonl"}
        self._save("/jobs/export", query, path)

    def count(self, **filters: Unpack[DeletionFilter]) -> JobsDeleted:
        """How many jobs match, and how much speech they have."""
        return self._http.json(JobsDeleted, "DELETE", "/jobs", query={**filters, "dry_run": "true"})

    def delete_all(self, expected: int, **filters: Unpack[DeletionFilter]) -> JobsDeleted:
        """Forget all jobs that match, if they are as many as `count` has said."""
        query = {**filters, "expected": expected}
        return self._http.json(JobsDeleted, "DELETE", "/jobs", query=query, once=True)

    def prune(self, **limits: Unpack[PruneArguments]) -> JobsPruned:
        """Delete the oldest jobs that have ended, until what is left is within the limits."""
        return self._http.json(JobsPruned, "POST", "/jobs/prune", body=limits, once=True)

    def get(self, job_id: str) -> Job:
        """One job."""
        return self._http.json(Job, "GET", path_of(job_id))

    def wait(self, job_id: str) -> Job:
        """The job when it has completed. Raises `EngineError` for one that has failed or was canceled."""
        pause = FIRST_LOOK_S
        while (job := self.get(job_id)).status not in FINAL:
            wait(pause)
            pause = min(2 * pause, MAX_LOOK_S)
        if job.error is not None:
            raise error_of(job.error)
        if job.status != "completed":
            raise EngineError("JOB_NOT_COMPLETED", f"the job is {job.status}", details={"status": job.status})
        return job

    def text(self, job_id: str) -> str:
        """The job's text exactly as it was submitted."""
        return (self._http.bytes("GET", path_of(job_id, "/text"))).decode()

    def chunks(self, job_id: str, **filters: Unpack[ChunkFilter]) -> ChunkList:
        """The stretches of text that are spoken in one go; `next_start` is None at the end."""
        return self._http.json(ChunkList, "GET", path_of(job_id, "/chunks"), query=filters)

    def artifacts(self, job_id: str) -> builtins.list[Artifact]:
        """The files that were made; none until the job is completed."""
        return (self._http.json(ArtifactList, "GET", path_of(job_id, "/artifacts"))).artifacts

    def audio(self, job_id: str, *, format: str = "wav", partial: bool = False) -> bytes:
        """The job's file. With `partial` the audio so far of a job that is not completed."""
        return self._http.bytes("GET", path_of(job_id, "/audio"), query=audio_query(format, partial))

    def save(self, job_id: str, path: FilePath, *, partial: bool = False) -> None:
        """The same into a file, whose ending says which of the job's files is meant."""
        query = audio_query(Path(path).suffix.removeprefix(".").lower(), partial)
        self._save(path_of(job_id, "/audio"), query, path)

    def _save(self, route: str, query: dict[str, Any], path: FilePath) -> None:
        with self._http.stream("GET", route, query=query) as response:
            with saved(path) as file, answering(self._http.connection):
                for piece in response.iter_bytes():
                    file.write(piece)

    def link(self, job_id: str, *, format: str = "mp3", seconds: int | None = None) -> AudioLink:
        """An address of the job's audio, live and without the token. The engine must have been started with
        `--audio-links`.
        """
        query = {"format": format, "seconds": seconds}
        return self._http.json(AudioLink, "POST", path_of(job_id, "/link"), query=query)

    def cancel(self, job_id: str) -> Job:
        """Answered when the job is final. The audio so far is kept."""
        return self._http.json(Job, "POST", path_of(job_id, "/cancel"))

    def pause(self, job_id: str) -> Job:
        """Let a queued or running job rest."""
        return self._http.json(Job, "POST", path_of(job_id, "/pause"))

    def resume(self, job_id: str) -> Job:
        """Let a paused job go on."""
        return self._http.json(Job, "POST", path_of(job_id, "/resume"), once=True)

    def retry(self, job_id: str) -> Job:
        """Let a failed or canceled job go on, after the chunks that it has."""
        return self._http.json(Job, "POST", path_of(job_id, "/retry"), once=True)

    def delete(self, job_id: str) -> None:
        """Forget the job, its audio and its files."""
        self._http.json(Deleted, "DELETE", path_of(job_id), once=True)


def path_of(job_id: str, rest: str = "") -> str:
    """Where a job is."""
    return f"/jobs/{quote(job_id, safe='')}{rest}"


def audio_query(format: str, partial: bool) -> dict[str, Any]:
    """Which audio of a job is meant."""
    return {"format": format, "partial": "true" if partial else None}
