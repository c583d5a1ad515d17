"""What answers about several resources have."""

from datetime import UTC, datetime
from typing import Literal

from msgspec import Struct

# The engine's enums as the API has them: the OpenAPI document lists a literal's values where it is used.
JobStatusWord = Literal["queued", "running", "paused", "completed", "failed", "canceled"]
LaneWord = Literal["speak", "render"]
VoiceKindWord = Literal["preset", "clone", "design"]


class Deleted(Struct, frozen=True):
    """It is gone."""

    deleted: bool


def when(microseconds: int) -> datetime:
    """A time of the store, for JSON."""
    return datetime.fromtimestamp(microseconds / 1e6, tz=UTC)
