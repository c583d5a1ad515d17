"""Pages of the history, newest first, by key: a page costs the same at the front and at the end, and jobs that
come while somebody pages can neither shift nor repeat a row.
"""

from collections.abc import AsyncGenerator, Sequence
from typing import Any, TypeAlias

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import ColumnElement, Select, func, literal_column, select, table, tuple_, union_all
from sqlalchemy import column as sql_column

from app.store.database import Database
from app.store.jobs import COLUMNS, job_of
from app.store.pairs import has_unspaced, pair_token
from app.store.rows import HistoryFilter, Job, JobMark
from app.store.tables import PAIRS_TABLE, SEARCH_TABLE, artifacts, job_tags, jobs

#: A trigram index cannot find less. Words of two characters have an index of their own, where they are usual.
MIN_SEARCH, MIN_UNSPACED = 3, 2


def is_searchable(words: str) -> bool:
    """Whether there is enough to search for."""
    return len(words) >= MIN_SEARCH or (len(words) >= MIN_UNSPACED and has_unspaced(words))


#: How many marks are read at once.
MARKS = 2_000

Columns: TypeAlias = Sequence[ColumnElement[Any]]

_encoded_bytes = (
    select(func.coalesce(func.sum(artifacts.c.bytes), 0))
    .where(artifacts.c.job_seq == jobs.c.seq, artifacts.c.format != "wav")
    .scalar_subquery()
    .label("encoded_bytes")
)
_MARKS: Columns = [
    _encoded_bytes if name == "encoded_bytes" else jobs.c[name] for name in JobMark.__struct_fields__
]


class Position(Struct, frozen=True, array_like=True):
    """The last job of a page: the next page starts after it."""

    created_at: int
    seq: int


class History:
    """Belongs to the event loop. Every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, wanted: HistoryFilter, *, after: Position | None, limit: int
    ) -> tuple[list[Job], Position | None]:
        """Up to `limit` jobs, newest first, after `after`; and where the next page starts, if any."""
        # Fetching one more than asked for tells whether there is a next page.
        statement = _newest(wanted, after, limit + 1)
        async with self._database.transaction() as connection:
            rows = (await connection.execute(statement)).all()
        found = [job_of(row) for row in rows[:limit]]
        if len(rows) <= limit:
            return found, None
        return found, Position(found[-1].created_at, found[-1].seq)

    async def marks(self, wanted: HistoryFilter) -> AsyncGenerator[list[JobMark]]:
        """Every job that matches, newest first, some thousands at a time: other transactions have their turns
        between. Jobs that come or go meanwhile change nothing about the others.
        """
        after: Position | None = None
        while True:
            statement = _newest(wanted, after, MARKS, _MARKS)
            async with self._database.transaction() as connection:
                rows = (await connection.execute(statement)).all()
            if not rows:
                return
            page = [JobMark(*row) for row in rows]
            after = Position(page[-1].created_at, page[-1].seq)
            yield page


def _newest(wanted: HistoryFilter, after: Position | None, limit: int, columns: Columns = COLUMNS) -> Select[Any]:
    """The first `limit` jobs after `after`."""
    if wanted.text is not None or len(wanted.status) < 2:
        return _matching(wanted, after, columns).limit(limit)
    # Asked for several states at once, SQLite would walk all jobs until it has seen enough of them. Each state has
    # an index in the order of the pages; so it is asked for each, and the newest of what comes are taken.
    parts = [
        _matching(replace(wanted, status=(status,)), after, columns).limit(limit).subquery()
        for status in wanted.status
    ]
    found = union_all(*(select(part) for part in parts)).subquery()
    return select(found).order_by(found.c.created_at.desc(), found.c.seq.desc()).limit(limit)


def _matching(wanted: HistoryFilter, after: Position | None, columns: Columns) -> Select[Any]:
    statement = select(*columns).select_from(jobs)
    created_at, seq = jobs.c.created_at, jobs.c.seq
    if wanted.tag is not None:
        # The tags carry the order of the pages themselves: a tag on every job costs no more than one on few.
        statement = statement.join(job_tags, job_tags.c.job_seq == jobs.c.seq)
        statement = statement.where(job_tags.c.tag == wanted.tag)
        created_at, seq = job_tags.c.created_at, job_tags.c.job_seq
    order = [created_at.desc(), seq.desc()]
    behind = None if after is None else tuple_(created_at, seq) < (after.created_at, after.seq)
    if wanted.text is not None:
        # The full-text index walks backwards by its rowid, one match after the other; any other order would
        # have to gather all matches first.
        index, phrase = _asked(wanted.text)
        rowid = table(index, sql_column("rowid")).c.rowid
        statement = statement.join(rowid.table, rowid == jobs.c.seq)
        statement = statement.where(literal_column(index).op("MATCH", is_comparison=True)(phrase))
        order = [rowid.desc()]
        behind = None if after is None else rowid < after.seq
    for column, value in (
        (jobs.c.lane, wanted.lane),
        (jobs.c.voice_id, wanted.voice_id),
        (jobs.c.model_id, wanted.model_id),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if wanted.status:
        statement = statement.where(jobs.c.status.in_(wanted.status))
    if wanted.created_from is not None:
        statement = statement.where(created_at >= wanted.created_from)
    # After a cursor that is older, the bound adds nothing, and SQLite would start its walk at the bound.
    bounded = after is None or wanted.created_before is None or after.created_at >= wanted.created_before
    if wanted.created_before is not None and bounded:
        statement = statement.where(created_at < wanted.created_before)
    if behind is not None:
        statement = statement.where(behind)
    return statement.order_by(*order)


def _asked(words: str) -> tuple[str, str]:
    """The full-text index that can find the words, and what it is asked for."""
    if len(words) < MIN_SEARCH:
        return PAIRS_TABLE, pair_token(words)
    return SEARCH_TABLE, '"' + words.replace('"', '""') + '"'
