"""Every statement that adds a job or moves it from one state to the next. Pages of history are in
`history.py`, a job's chunks in `chunks.py`.

Each change of state names the states it may come from, in the statement itself: who comes too late changes
nothing and is told so.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, delete, func, insert, literal_column, or_, select, text, update

from app.errors import ErrorBody, IdempotencyConflict, JobNotFound
from app.inference.model import Lane
from app.store.clock import now_us
from app.store.database import Database, Transaction
from app.store.deliveries import attach
from app.store.pairs import pairs_of
from app.store.rows import FINAL, UNFINISHED, Artifact, Changes, Job, JobStatus, Kept, NewJob, struct_of
from app.store.tables import PAIRS_TABLE, SEARCH_TABLE, SEARCHED_CHARS, artifacts, job_tags, job_texts, jobs

#: A job's columns but the ones that only the statements use.
COLUMNS = tuple(jobs.c[name] for name in Job.__struct_fields__)

#: Spelled out in the statement: the partial index is used only when the planner sees the value.
_QUEUED: ColumnElement[Any] = literal_column(f"'{JobStatus.QUEUED}'")

_SEARCHABLE = text(f"INSERT INTO {SEARCH_TABLE} (rowid, words) VALUES (:seq, :words)")  # noqa: S608
_WORDS = text(f"SELECT words FROM {SEARCH_TABLE} WHERE rowid = :seq")  # noqa: S608
_PAIRED = text(f"INSERT INTO {PAIRS_TABLE} (rowid, pairs) VALUES (:seq, :pairs)")  # noqa: S608
_UNPAIRED = text(f"INSERT INTO {PAIRS_TABLE} ({PAIRS_TABLE}, rowid, pairs) VALUES ('delete', :seq, :pairs)")  # noqa: S608
_UNSEARCHABLE = text(f"DELETE FROM {SEARCH_TABLE} WHERE rowid = :seq")  # noqa: S608


def job_of(row: Row[Any]) -> Job:
    """The job in a row of `COLUMNS`."""
    return struct_of(Job, row)


class JobStore:
    """Belongs to the event loop. Every method is one transaction, committed when it returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, new: NewJob) -> tuple[Job, bool]:
        """Queue a job: the job and True. The same id or key again gives the job it made, and False.

        Raises `IdempotencyConflict` when the id or the key was used for another request.
        """
        async with self._database.transaction() as connection:
            before = await _repeated(connection, new.id, new.idempotency_key, new.request_sha256)
            if before is not None:
                return before, False
            return await self._insert(connection, new), True

    async def repeated(self, job_id: str | None, idempotency_key: str | None, request_sha256: str) -> Job | None:
        """The job that the same id or key made before, whatever has become of its voice since.

        Raises `IdempotencyConflict` when it was made by another request.
        """
        async with self._database.transaction() as connection:
            return await _repeated(connection, job_id, idempotency_key, request_sha256)

    async def _insert(self, connection: Transaction, new: NewJob) -> Job:
        values: dict[str, Any] = {
            **msgspec.structs.asdict(new),
            "settings": msgspec.to_builtins(new.settings),
            "encoding": msgspec.to_builtins(new.encoding),
            "status": JobStatus.QUEUED,
            "characters": len(new.text),
            "created_at": now_us(),
            "warnings": [],
        }
        del values["notify"]
        words = f"{new.title or ''}\n{values.pop('text')[:SEARCHED_CHARS]}"
        statement = insert(jobs).values(values).returning(*COLUMNS)
        job = job_of((await connection.execute(statement)).one())
        await connection.execute(insert(job_texts), {"job_seq": job.seq, "text": new.text})
        await _make_searchable(connection, job.seq, words)
        if new.notify is not None:
            await attach(connection, new.notify, job.seq)
        if new.tags:
            await connection.execute(
                insert(job_tags),
                [{"tag": tag, "created_at": job.created_at, "job_seq": job.seq} for tag in new.tags],
            )
        return job

    async def get(self, job_id: str) -> Job:
        """The job; raises `JobNotFound`."""
        async with self._database.transaction() as connection:
            row = (await connection.execute(select(*COLUMNS).where(jobs.c.id == job_id))).first()
        if row is None:
            raise JobNotFound(job_id=job_id)
        return job_of(row)

    async def text(self, job: Job) -> str:
        """All of the job's text, as it was submitted."""
        async with self._database.transaction() as connection:
            statement = select(job_texts.c.text).where(job_texts.c.job_seq == job.seq)
            return (await connection.execute(statement)).scalar_one()

    async def claim(self, lane: Lane) -> Job | None:
        """Take the job of a lane that waits the longest: `queued` becomes `running`."""
        now = now_us()
        oldest = (
            select(jobs.c.seq)
            .where(jobs.c.lane == lane, jobs.c.status == _QUEUED)
            .order_by(jobs.c.seq)
            .limit(1)
            .scalar_subquery()
        )
        return await self._change(
            update(jobs)
            .where(jobs.c.seq == oldest)
            .values(status=JobStatus.RUNNING, started_at=func.coalesce(jobs.c.started_at, now))
        )

    async def move(
        self, job: Job, *, before: Iterable[JobStatus], to: JobStatus, changes: Changes | None = None
    ) -> Job | None:
        """Change the state of a job that is still in one of the states `before`; None when it is not."""
        values = msgspec.to_builtins(changes or Changes())
        return await self._change(
            update(jobs).where(jobs.c.seq == job.seq, jobs.c.status.in_(list(before))).values(status=to, **values)
        )

    async def complete(self, job: Job, made: Iterable[Artifact], changes: Changes) -> Job | None:
        """Finish a running job together with the rows of its files, which must be on disk by now."""
        async with self._database.transaction() as connection:
            done = await _change(
                connection,
                update(jobs)
                .where(jobs.c.seq == job.seq, jobs.c.status == JobStatus.RUNNING)
                .values(status=JobStatus.COMPLETED, **msgspec.to_builtins(changes)),
            )
            if done is not None:
                rows = [
                    {"job_seq": job.seq, "created_at": now_us(), **msgspec.structs.asdict(each)} for each in made
                ]
                await connection.execute(insert(artifacts).prefix_with("OR REPLACE"), rows)
            return done

    async def artifact(self, job: Job, format: str) -> Artifact | None:
        """The job's file in that format, if there is one."""
        columns = [artifacts.c[name] for name in Artifact.__struct_fields__]
        statement = select(*columns).where(artifacts.c.job_seq == job.seq, artifacts.c.format == format)
        async with self._database.transaction() as connection:
            row = (await connection.execute(statement)).first()
        return None if row is None else struct_of(Artifact, row)

    async def place(self, job: Job) -> int:
        """How many queued jobs the scheduler claims before this one comes up, counting it: 1 is next."""
        ahead = (jobs.c.lane == job.lane) & (jobs.c.seq <= job.seq)
        if job.lane is not Lane.SPEAK:
            ahead |= jobs.c.lane == Lane.SPEAK
        statement = select(func.count()).where(jobs.c.status == _QUEUED, ahead)
        async with self._database.transaction() as connection:
            return (await connection.execute(statement)).scalar_one()

    async def rescue(self, error: ErrorBody) -> tuple[int, int]:
        """At start: what a dead engine left behind. Renders are queued again, where they were in the queue;
        speak jobs fail with `error`, since nobody listens to them any more. Gives both counts.
        """
        async with self._database.transaction() as connection:
            failed = await connection.execute(
                update(jobs)
                .where(jobs.c.lane == Lane.SPEAK, jobs.c.status.in_(list(UNFINISHED)))
                .values(status=JobStatus.FAILED, error=msgspec.to_builtins(error), finished_at=now_us())
            )
            queued = await connection.execute(
                update(jobs).where(jobs.c.status == JobStatus.RUNNING).values(status=JobStatus.QUEUED)
            )
        return queued.rowcount, failed.rowcount

    async def delete(self, job: Job) -> bool:
        """Forget a job in a final state, with everything the database has of it."""
        async with self._database.transaction() as connection:
            gone = await connection.execute(
                delete(jobs).where(jobs.c.seq == job.seq, jobs.c.status.in_(list(FINAL)))
            )
            if gone.rowcount:
                await _make_unsearchable(connection, job.seq)
            return bool(gone.rowcount)

    async def release_key(self, job: Job) -> None:
        """Let another job have this one's `Idempotency-Key`."""
        async with self._database.transaction() as connection:
            await connection.execute(update(jobs).where(jobs.c.seq == job.seq).values(idempotency_key=None))

    async def delete_all(self, seqs: Sequence[int]) -> list[tuple[int, str]]:
        """Forget those of the jobs that are final, all at once: the number and the id of each."""
        async with self._database.transaction() as connection:
            statement = (
                delete(jobs)
                .where(jobs.c.seq.in_(list(seqs)), jobs.c.status.in_(list(FINAL)))
                .returning(jobs.c.seq, jobs.c.id)
            )
            gone = [(row.seq, row.id) for row in await connection.execute(statement)]
            for seq, _ in gone:
                await _make_unsearchable(connection, seq)
        return gone

    async def known(self, job_ids: Iterable[str]) -> set[str]:
        """Those of the ids that have a row; at most 32,766 of them, which is how many values a statement takes."""
        statement = select(jobs.c.id).where(jobs.c.id.in_(list(job_ids)))
        async with self._database.transaction() as connection:
            return set((await connection.execute(statement)).scalars())

    async def counts(self) -> dict[JobStatus, int]:
        """How many jobs are queued and how many are running."""
        statement = (
            select(jobs.c.status, func.count())
            .where(jobs.c.status.in_([JobStatus.QUEUED, JobStatus.RUNNING]))
            .group_by(jobs.c.status)
        )
        async with self._database.transaction() as connection:
            found = {row[0]: row[1] for row in await connection.execute(statement)}
        return {status: found.get(status, 0) for status in (JobStatus.QUEUED, JobStatus.RUNNING)}

    async def unfinished_by_lane(self) -> dict[tuple[str, str], int]:
        """How many jobs of each lane are in each state that is not final; 0 where there is none."""
        statement = (
            select(jobs.c.lane, jobs.c.status, func.count())
            .where(jobs.c.status.in_(list(UNFINISHED)))
            .group_by(jobs.c.status, jobs.c.lane)
        )
        async with self._database.transaction() as connection:
            found = {(row[0], row[1]): row[2] for row in await connection.execute(statement)}
        return {(str(lane), str(status)): found.get((lane, status), 0) for lane in Lane for status in UNFINISHED}

    async def at_work(self) -> dict[str, int]:
        """How many jobs of each lane are running; a lane that has none may be missing."""
        statement = (
            select(jobs.c.lane, func.count()).where(jobs.c.status == JobStatus.RUNNING).group_by(jobs.c.lane)
        )
        async with self._database.transaction() as connection:
            return {row[0]: row[1] for row in await connection.execute(statement)}

    async def kept(self) -> Kept:
        """How much there is of all jobs together."""
        statement = select(func.count(), func.coalesce(func.sum(jobs.c.samples), 0)).select_from(jobs)
        async with self._database.transaction() as connection:
            return Kept(*(await connection.execute(statement)).one())

    async def unfinished(self, model_id: str) -> int:
        """How many jobs still need a model."""
        waiting = jobs.c.status.in_(list(UNFINISHED))
        statement = select(func.count()).where(jobs.c.model_id == model_id, waiting)
        async with self._database.transaction() as connection:
            return (await connection.execute(statement)).scalar_one()

    async def _change(self, statement: Any) -> Job | None:
        async with self._database.transaction() as connection:
            return await _change(connection, statement)


async def append_text(connection: Transaction, job: Job, more: str) -> None:
    """Add to the text of a job that is still being written, where it is kept and where it is searched."""
    own = job_texts.c.job_seq == job.seq
    before = (await connection.execute(select(func.length(job_texts.c.text)).where(own))).scalar_one()
    await connection.execute(update(job_texts).where(own).values(text=job_texts.c.text + more))
    if before < SEARCHED_CHARS:
        words: str = (await connection.execute(_WORDS, {"seq": job.seq})).scalar_one()
        await _make_unsearchable(connection, job.seq)
        await _make_searchable(connection, job.seq, words + more[: SEARCHED_CHARS - before])


async def _repeated(
    connection: Transaction, job_id: str | None, idempotency_key: str | None, request_sha256: str
) -> Job | None:
    given = ((jobs.c.id, job_id), (jobs.c.idempotency_key, idempotency_key))
    same = [column == value for column, value in given if value is not None]
    row = (await connection.execute(select(*COLUMNS).where(or_(*same)).limit(1))).first()
    if row is None:
        return None
    before = job_of(row)
    if before.request_sha256 != request_sha256:
        raise IdempotencyConflict(job_id=before.id)
    return before


async def _change(connection: Transaction, statement: Any) -> Job | None:
    row = (await connection.execute(statement.returning(*COLUMNS))).first()
    return None if row is None else job_of(row)


async def _make_searchable(connection: Transaction, seq: int, words: str) -> None:
    await connection.execute(_SEARCHABLE, {"seq": seq, "words": words})
    if pairs := pairs_of(words):
        await connection.execute(_PAIRED, {"seq": seq, "pairs": pairs})


async def _make_unsearchable(connection: Transaction, seq: int) -> None:
    words: str = (await connection.execute(_WORDS, {"seq": seq})).scalar_one()
    if pairs := pairs_of(words):
        await connection.execute(_UNPAIRED, {"seq": seq, "pairs": pairs})
    await connection.execute(_UNSEARCHABLE, {"seq": seq})
