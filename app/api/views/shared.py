"""What answers about several resources have."""

from datetime import UTC, datetime

from msgspec import Struct


class Deleted(Struct, frozen=True):
    """It is gone."""

    deleted: bool


def when(microseconds: int) -> datetime:
    """A time of the store, for JSON."""
    return datetime.fromtimestamp(microseconds / 1e6, tz=UTC)
