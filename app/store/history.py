"""Pages of the history, newest first, by key: a page costs the same at the front and at the end, and jobs that
come while somebody pages can neither shift nor repeat a row.
"""

import re
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import ColumnElement, Select, literal_column, select, table, tuple_, union_all
from sqlalchemy import column as sql_column

from app.store.database import Database
from app.store.jobs import COLUMNS, job_of
from app.store.rows import HistoryFilter, Job
from app.store.tables import SEARCH_TABLE, job_tags, jobs

_search = table(SEARCH_TABLE, sql_column("rowid"), sql_column("words"))

#: A trigram index cannot find less. Words of two characters are found without it, where they are usual.
MIN_SEARCH, MIN_UNSPACED = 3, 2
#: Scripts without spaces between words: Thai, Lao, Burmese, Khmer, kana, Chinese characters; and Hangul syllables.
_UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff]"
)


def is_searchable(words: str) -> bool:
    """Whether there is enough to search for."""
    return len(words) >= MIN_SEARCH or (len(words) >= MIN_UNSPACED and _UNSPACED.search(words) is not None)


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


def _newest(wanted: HistoryFilter, after: Position | None, limit: int) -> Select[Any]:
    """The first `limit` jobs after `after`."""
    if wanted.text is not None or len(wanted.status) < 2:
        return _matching(wanted, after).limit(limit)
    # Asked for several states at once, SQLite would walk all jobs until it has seen enough of them. Each state has
    # an index in the order of the pages; so it is asked for each, and the newest of what comes are taken.
    parts = [
        _matching(replace(wanted, status=(status,)), after).limit(limit).subquery() for status in wanted.status
    ]
    found = union_all(*(select(part) for part in parts)).subquery()
    return select(found).order_by(found.c.created_at.desc(), found.c.seq.desc()).limit(limit)


def _matching(wanted: HistoryFilter, after: Position | None) -> Select[Any]:
    statement = select(*COLUMNS).select_from(jobs)
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
        statement = statement.join(_search, _search.c.rowid == jobs.c.seq)
        statement = statement.where(_matches(wanted.text))
        order = [_search.c.rowid.desc()]
        behind = None if after is None else _search.c.rowid < after.seq
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


def _matches(words: str) -> ColumnElement[bool]:
    if len(words) < MIN_SEARCH:
        return _search.c.words.contains(words, autoescape=True)
    phrase = '"' + words.replace('"', '""') + '"'
    return literal_column(SEARCH_TABLE).op("MATCH", is_comparison=True)(phrase)
