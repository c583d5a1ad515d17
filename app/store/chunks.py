"""A job's plan, and how much of it is done. The plan is made once and read ever after: a restart must cut the
text where the first start did, whatever version of the chunker it has.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import bindparam, insert, select, update

from app.store.database import Database
from app.store.jobs import COLUMNS, append_text, job_of
from app.store.rows import UNFINISHED, ChunkDone, ChunkRefused, ChunkRow, ChunkState, Job, JobStatus, struct_of
from app.store.tables import chunks, jobs

#: A job keeps its latest warnings; a book on a bad day would have thousands.
MAX_WARNINGS = 100

_COLUMNS = tuple(chunks.c[name] for name in ChunkRow.__struct_fields__)


class ChunkStore:
    """Belongs to the event loop. Every method is one transaction, committed when it returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def plan(self, job: Job, plan: Sequence[ChunkRow]) -> None:
        """Keep a job's plan: all of its chunks, or none."""
        rows = [{"job_seq": job.seq, **msgspec.structs.asdict(chunk)} for chunk in plan]
        async with self._database.transaction() as connection:
            if rows:
                await connection.execute(insert(chunks), rows)
            await connection.execute(update(jobs).where(jobs.c.seq == job.seq).values(chunks_total=len(plan)))

    async def extend(self, job: Job, text: str, plan: Sequence[ChunkRow]) -> bool:
        """More of a text that is still being written, with its chunks. False when the job has ended."""
        grown = (
            update(jobs)
            .where(jobs.c.seq == job.seq, jobs.c.status.in_(list(UNFINISHED)))
            .values(characters=jobs.c.characters + len(text), chunks_total=jobs.c.chunks_total + len(plan))
        )
        rows = [{"job_seq": job.seq, **msgspec.structs.asdict(chunk)} for chunk in plan]
        async with self._database.transaction() as connection:
            if not (await connection.execute(grown)).rowcount:
                return False
            await connection.execute(insert(chunks), rows)
            await append_text(connection, job, text)
        return True

    async def list(self, job: Job, *, start: int = 0, limit: int = -1) -> list[ChunkRow]:
        """The job's chunks from index `start` on, in order."""
        statement = (
            select(*_COLUMNS)
            .where(chunks.c.job_seq == job.seq, chunks.c.chunk_index >= start)
            .order_by(chunks.c.chunk_index)
            .limit(limit)
        )
        async with self._database.transaction() as connection:
            rows = (await connection.execute(statement)).all()
        return [struct_of(ChunkRow, row) for row in rows]

    async def finish(self, job: Job, done: Sequence[ChunkDone], *, characters: int, work_us: int) -> Job:
        """Chunks whose takes are in the log, in order, all at once; `characters` is how many they have.

        The job's counters move in the same transaction: they can never disagree with its chunks.
        """
        last = done[-1]
        async with self._database.transaction() as connection:
            await connection.execute(
                update(chunks)
                .where(chunks.c.job_seq == job.seq, chunks.c.chunk_index == bindparam("index"))
                .values({name: bindparam(f"new_{name}") for name in _DONE}),
                [
                    {"index": chunk.chunk_index, **{f"new_{name}": getattr(chunk, name) for name in _DONE}}
                    for chunk in done
                ],
            )
            statement = (
                update(jobs)
                .where(jobs.c.seq == job.seq)
                .values(
                    chunks_done=jobs.c.chunks_done + len(done),
                    characters_done=jobs.c.characters_done + characters,
                    samples=last.end_sample,
                    last_seq=last.last_seq,
                    work_us=work_us,
                )
                .returning(*COLUMNS)
            )
            return job_of((await connection.execute(statement)).one())

    async def refuse(self, job: Job, refused: ChunkRefused, *, warning: dict[str, Any]) -> Job:
        """A take of a chunk that was not good enough, with a warning for the job."""
        values = msgspec.structs.asdict(refused)
        index = values.pop("chunk_index")
        async with self._database.transaction() as connection:
            await connection.execute(
                update(chunks).where(chunks.c.job_seq == job.seq, chunks.c.chunk_index == index).values(values)
            )
            kept = [*job.warnings, warning][-MAX_WARNINGS:]
            statement = (
                update(jobs)
                .where(jobs.c.seq == job.seq)
                .values(warnings=kept, refused_takes=jobs.c.refused_takes + 1)
                .returning(*COLUMNS)
            )
            return job_of((await connection.execute(statement)).one())

    async def reopen(self, job: Job, *, first: int) -> Job:
        """Take back the chunks from index `first` on: their audio is not in the log after all."""
        async with self._database.transaction() as connection:
            await connection.execute(
                update(chunks)
                .where(chunks.c.job_seq == job.seq, chunks.c.chunk_index >= first)
                .values(
                    state=ChunkState.PENDING,
                    start_sample=None,
                    end_sample=None,
                    last_seq=None,
                    silence=None,
                    pause=None,
                )
            )
            kept = (
                await connection.execute(
                    select(*_COLUMNS)
                    .where(chunks.c.job_seq == job.seq, chunks.c.chunk_index < first)
                    .order_by(chunks.c.chunk_index.desc())
                    .limit(1)
                )
            ).first()
            last = None if kept is None else struct_of(ChunkRow, kept)
            statement = (
                update(jobs)
                .where(jobs.c.seq == job.seq, jobs.c.status == JobStatus.RUNNING)
                .values(
                    chunks_done=first,
                    characters_done=last.end_char if last else 0,
                    samples=(last.end_sample if last else None) or 0,
                    last_seq=(last.last_seq if last else None) or 0,
                )
                .returning(*COLUMNS)
            )
            return job_of((await connection.execute(statement)).one())


_DONE = tuple(name for name in ChunkDone.__struct_fields__ if name != "chunk_index")
