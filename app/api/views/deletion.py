"""Answers about jobs that are deleted many at once."""

from msgspec import Struct


class JobsDeleted(Struct, frozen=True, kw_only=True):
    """The jobs that match; `deleted` says whether they are gone, or were only counted."""

    jobs: int
    unfinished: int
    audio_seconds: float
    deleted: bool


class JobsPruned(Struct, frozen=True, kw_only=True):
    """The jobs beyond the limits; `deleted` says whether they are gone, or were only counted."""

    jobs: int
    bytes: int
    in_use: int
    deleted: bool
