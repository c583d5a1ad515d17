"""Totals over jobs, made from the store's sums."""

from datetime import date, timedelta

from msgspec import Struct

from app import SAMPLE_RATE
from app.api.views.shared import LaneWord
from app.store.totals import Totals

_FIRST_DAY = date(1970, 1, 1)


class JobSums(Struct, frozen=True, kw_only=True):
    """Sums over jobs, deleted ones too."""

    jobs: int
    completed: int
    failed: int
    canceled: int
    characters: int
    audio_seconds: float
    work_seconds: float
    refused_takes: int


class JobGroup(JobSums, frozen=True, kw_only=True):
    """Sums over the jobs that have this in common; null where they are not grouped by it."""

    day: date | None
    model_id: str | None
    voice_id: str | None
    lane: LaneWord | None


class JobStats(Struct, frozen=True):
    """All jobs together, and the groups of them in the order of what they are grouped by."""

    total: JobSums
    groups: list[JobGroup]


def sums_of(totals: Totals) -> JobSums:
    """The sums alone."""
    return JobSums(
        jobs=totals.jobs,
        completed=totals.completed,
        failed=totals.failed,
        canceled=totals.canceled,
        characters=totals.characters,
        audio_seconds=totals.samples / SAMPLE_RATE,
        work_seconds=totals.work_us / 1e6,
        refused_takes=totals.refused_takes,
    )


def group_of(totals: Totals) -> JobGroup:
    """The sums, with what the jobs have in common."""
    sums = sums_of(totals)
    return JobGroup(
        day=None if totals.day is None else day_of(totals.day),
        model_id=totals.model_id,
        voice_id=totals.voice_id,
        lane=None if totals.lane is None else totals.lane.value,
        **{name: getattr(sums, name) for name in JobSums.__struct_fields__},
    )


def day_of(number: int) -> date:
    """The day with this number since 1970."""
    return _FIRST_DAY + timedelta(days=number)


def number_of(day: date) -> int:
    """How many days after the first of 1970 it is."""
    return (day - _FIRST_DAY).days
