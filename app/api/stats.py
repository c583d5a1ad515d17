"""`GET /v1/jobs/stats`."""

import re
from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter

from app.api.filters import voice_id_of
from app.api.views.shared import LaneWord
from app.api.views.totals import JobStats, group_of, number_of, sums_of
from app.errors import InvalidRequest
from app.inference.model import Lane
from app.store.stores import Stores
from app.store.totals import Grouping, TotalsFilter
from app.usecases.voice_chooser import VoiceChooser

GroupingWord = Literal["day", "model", "voice", "lane"]
Day = Annotated[str | None, QueryParameter(description="A date, such as 2026-11-30")]

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

#: How many groups an answer may have: ten years of days.
MAX_GROUPS = 4_000


@get("/jobs/stats", operation_id="getStats", tags=["jobs"])
async def stats(
    stores: NamedDependency[Stores],
    chooser: NamedDependency[VoiceChooser],
    by: FromQuery[list[GroupingWord] | None] = None,
    first_day: Day = None,
    last_day: Day = None,
    lane: FromQuery[LaneWord | None] = None,
    voice_id: FromQuery[UUID | None] = None,
    voice: FromQuery[str | None] = None,
    model_id: FromQuery[str | None] = None,
) -> JobStats:
    """Totals over all jobs that there ever were, deleted ones too, and over groups of them.

    `by` may be given repeatedly: `by=day&by=lane` has a group for each day and lane. A job counts on the day in UTC
    on which it was submitted.
    """
    wanted = TotalsFilter(
        first_day=_number("first_day", first_day),
        last_day=_number("last_day", last_day),
        lane=None if lane is None else Lane(lane),
        model_id=model_id,
        voice_id=await voice_id_of(chooser, voice_id, voice),
    )
    grouping = [Grouping(name) for name in dict.fromkeys(by or ())]
    total, groups = await stores.totals.of(wanted, grouping, limit=MAX_GROUPS + 1)
    if len(groups) > MAX_GROUPS:
        raise InvalidRequest.about(
            "by",
            f"these are more than {MAX_GROUPS:,} groups; group by less, or ask for less time with first_day and "
            "last_day",
        )
    return JobStats(sums_of(total), [group_of(group) for group in groups])


def _number(name: str, said: str | None) -> int | None:
    """The number of a day. Raises `InvalidRequest`."""
    if said is None:
        return None
    try:
        if _DATE.fullmatch(said) is None:  # Python takes more, such as the Monday of a week
            raise ValueError
        return number_of(date.fromisoformat(said))
    except ValueError:
        raise InvalidRequest.about(name, f"{name} is not a date such as 2026-11-30") from None
