"""Totals over all jobs that there ever were, which are kept and not counted: triggers of the database add every
change of a job to them, in the transaction that makes it (`TOTALS_TRIGGERS` in `tables.py`).
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from msgspec import Struct, convert
from sqlalchemy import RowMapping, Select, func, select

from app.inference.model import Lane
from app.store.database import Database
from app.store.tables import ALL_DAYS, job_totals


class Grouping(StrEnum):
    """What totals can be kept apart by."""

    DAY = "day"
    MODEL = "model"
    VOICE = "voice"
    LANE = "lane"


class TotalsFilter(Struct, frozen=True, kw_only=True):
    """Which jobs are in the totals. Everything that is set must hold."""

    first_day: int | None = None  #: days since 1970 in UTC, inclusive, by the job's submission
    last_day: int | None = None  #: inclusive
    lane: Lane | None = None
    model_id: str | None = None
    voice_id: str | None = None


class Totals(Struct, frozen=True, kw_only=True):
    """Sums over some jobs, and what these jobs have in common where they were grouped by it."""

    day: int | None = None
    model_id: str | None = None
    voice_id: str | None = None
    lane: Lane | None = None
    jobs: int
    completed: int
    failed: int
    canceled: int
    characters: int
    samples: int
    work_us: int
    refused_takes: int


_COLUMNS = {
    Grouping.DAY: job_totals.c.day,
    Grouping.MODEL: job_totals.c.model_id,
    Grouping.VOICE: job_totals.c.voice_id,
    Grouping.LANE: job_totals.c.lane,
}
_GROUPED = {column.name for column in _COLUMNS.values()}
_SUMS = tuple(name for name in Totals.__struct_fields__ if name not in _GROUPED)


class JobTotals:
    """Belongs to the event loop. Every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, wanted: TotalsFilter, by: Sequence[Grouping], *, limit: int) -> tuple[Totals, list[Totals]]:
        """The totals of all these jobs, and of up to `limit` groups of them, in the order of what `by` names."""
        async with self._database.transaction() as connection:
            (whole,) = (await connection.execute(_statement(wanted, (), 1))).mappings()
            grouped = (await connection.execute(_statement(wanted, by, limit))).mappings().all() if by else ()
        return _totals_of(whole), [_totals_of(row) for row in grouped]


def _totals_of(row: RowMapping) -> Totals:
    # SQLAlchemy's names are of a class of their own.
    return convert({str(name): value for name, value in row.items()}, Totals)


def _statement(wanted: TotalsFilter, by: Sequence[Grouping], limit: int) -> Select[Any]:
    groups = [_COLUMNS[one] for one in by]
    sums = [func.coalesce(func.sum(job_totals.c[name]), 0).label(name) for name in _SUMS]
    statement = select(*groups, *sums)
    day = job_totals.c.day
    if wanted.first_day is None and wanted.last_day is None and Grouping.DAY not in by:
        statement = statement.where(day == ALL_DAYS)
    else:
        # Whatever day is asked for, the rows of all days together are none of them.
        statement = statement.where(day > ALL_DAYS, day >= (wanted.first_day or 0))
        if wanted.last_day is not None:
            statement = statement.where(day <= wanted.last_day)
    for column, value in (
        (job_totals.c.lane, wanted.lane),
        (job_totals.c.model_id, wanted.model_id),
        (job_totals.c.voice_id, wanted.voice_id),
    ):
        if value is not None:
            statement = statement.where(column == value)
    return statement.group_by(*groups).order_by(*groups).limit(limit)
