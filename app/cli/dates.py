"""Moments as somebody types them."""

import re
from datetime import UTC, datetime, timedelta

import click

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Since(click.ParamType[datetime, str | datetime]):
    """A moment: a date, a date and a time, or how long ago it was."""

    name = "date"

    def convert(self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """From what was given; a time without a zone is one of here."""
        if isinstance(value, datetime):
            return value
        now = datetime.now(UTC)
        try:
            if ago := re.fullmatch(r"(\d{1,6})([mhdw])", value):
                return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
            return datetime.fromisoformat(value).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is neither like 2026-11-21, nor like 7d, 12h or 30m", param, ctx)
