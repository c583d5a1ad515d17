"""Rows for the tests of the store."""

from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import text

from app.errors import ErrorBody
from app.inference.model import Lane
from app.store.database import Database
from app.store.jobs import JobStore
from app.store.rows import ChunkDone, ChunkRow, Job, JobStatus, NewJob, Settings

ERROR = ErrorBody("ENGINE_RESTARTED", "It was restarted.")


def new_job(**fields: Any) -> NewJob:
    """A job as it is submitted; whatever is not given is plain."""
    plain: dict[str, Any] = {
        "id": str(uuid4()),
        "lane": Lane.RENDER,
        "voice_id": "voice",
        "model_id": "model",
        "language": "en",
        "settings": Settings(),
        "formats": ["wav"],
        "seed": 1,
        "text": "The lamp was lit.",
        "request_sha256": "same",
    }
    return NewJob(**{**plain, **fields})


async def added(jobs: JobStore, **fields: Any) -> Job:
    """A queued job."""
    job, fresh = await jobs.add(new_job(**fields))
    assert fresh
    return job


async def in_state(jobs: JobStore, status: JobStatus, **fields: Any) -> Job:
    """A job in that state."""
    job = await added(jobs, **fields)
    if status is JobStatus.QUEUED:
        return job
    moved = await jobs.move(job, before=[JobStatus.QUEUED], to=status)
    assert moved is not None
    return moved


def plan_of(*ends: int) -> list[ChunkRow]:
    """A plan whose chunks end at these characters."""
    starts = (0, *ends[:-1])
    return [
        ChunkRow(chunk_index=index, start_char=start, end_char=end, boundary="sentence")
        for index, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]


def done(index: int, *, samples: tuple[int, int], last_seq: int, attempts: int = 0) -> ChunkDone:
    """A chunk whose take is in the log."""
    return ChunkDone(
        chunk_index=index,
        attempts=attempts,
        seed=1000 + index,
        finish_reason="stop",
        start_sample=samples[0],
        end_sample=samples[1],
        last_seq=last_seq,
        silence=0,
        pause=None,
    )


async def scalar(database: Database, statement: str, **parameters: Any) -> Any:
    """The one value that a statement gives."""
    async with database.transaction() as connection:
        return (await connection.execute(text(statement), parameters or None)).scalar()


async def rows(database: Database, statement: str) -> list[tuple[Any, ...]]:
    """All rows of a statement."""
    async with database.transaction() as connection:
        return [tuple(row) for row in await connection.execute(text(statement))]


async def row_counts(database: Database) -> dict[str, int]:
    """How many rows each table of jobs has."""
    tables = ("jobs", "job_texts", "job_tags", "chunks", "artifacts", "job_search")
    return {table: await scalar(database, f"SELECT count(*) FROM {table}") for table in tables}  # noqa: S608


def files_in(folder: Path) -> list[str]:
    """The names in a folder."""
    return sorted(path.name for path in folder.iterdir())
