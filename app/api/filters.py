"""Which jobs of the history are meant: the filters that several routes take in the same words."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter

from app.api.schemas import both_voices
from app.api.views.shared import JobStatusWord, LaneWord
from app.errors import InvalidRequest
from app.inference.model import Lane
from app.store.history import MIN_SEARCH, MIN_UNSPACED, is_searchable
from app.store.rows import HistoryFilter
from app.usecases.voice_chooser import VoiceChooser

#: A date is its beginning. Litestar would take a number for seconds since 1970.
Moment = Annotated[str | None, QueryParameter(description="ISO 8601: a date, or a date and a time")]

#: In a query "+" means a space, unless it is sent as %2B, which `date -Is` in a shell does not do.
_LOST_PLUS = re.compile(r"(T.*) (\d\d:?\d\d)\Z", re.DOTALL)


async def history_filter(
    chooser: NamedDependency[VoiceChooser],
    status: FromQuery[list[JobStatusWord] | None] = None,
    lane: FromQuery[LaneWord | None] = None,
    voice_id: FromQuery[UUID | None] = None,
    voice: FromQuery[str | None] = None,
    model_id: FromQuery[str | None] = None,
    tag: FromQuery[str | None] = None,
    text: FromQuery[str | None] = None,
    created_from: Moment = None,
    created_before: Moment = None,
) -> HistoryFilter:
    """A dependency of handlers: the filter in the query. Raises `InvalidRequest` and `VoiceNotFound`."""
    if text is not None and not is_searchable(text):
        raise InvalidRequest.about(
            "text",
            f"text must have {MIN_SEARCH} characters or more to be searched for, or {MIN_UNSPACED} of a script "
            "that has no spaces between its words",
        )
    if text is not None and "\0" in text:
        raise InvalidRequest.about("text", "text has a NUL character; search for text without it")
    return HistoryFilter(
        status=tuple(dict.fromkeys(status or ())),
        lane=None if lane is None else Lane(lane),
        voice_id=await voice_id_of(chooser, voice_id, voice),
        model_id=model_id,
        tag=tag,
        text=text,
        created_from=None if created_from is None else _microseconds("created_from", created_from),
        created_before=None if created_before is None else _microseconds("created_before", created_before),
    )


async def voice_id_of(chooser: VoiceChooser, voice_id: UUID | None, voice: str | None) -> str | None:
    """The voice that is named by its id or in words. Raises `InvalidRequest` for both, and `VoiceNotFound`."""
    if voice is None:
        return None if voice_id is None else str(voice_id)
    if voice_id is not None:
        raise both_voices()
    return (await chooser.named(voice)).id


def _microseconds(name: str, said: str) -> int:
    """Since 1970. A time without a zone is taken as UTC, like every time that the engine gives."""
    try:
        moment = datetime.fromisoformat(_LOST_PLUS.sub(r"\1+\2", said))
    except ValueError as error:
        message = "this is not a date or a time of ISO 8601, such as 2026-11-30 or 2026-11-30T09:30:00Z"
        raise InvalidRequest(
            f"the request is not valid: {name}: {message}", fields=[{"field": name, "message": message}]
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return delta // timedelta(microseconds=1)
