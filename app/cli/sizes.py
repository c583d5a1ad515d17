"""Sizes as somebody types them."""

import re

import click

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


class Size(click.ParamType[int, str | int]):
    """A number of bytes, with a unit or without; units are powers of 1000, as in what is shown."""

    name = "size"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """From what was given."""
        if isinstance(value, int):
            return value
        said = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?|\d{1,18}) ?([kmgt]?)b?", value.strip().lower())
        if said is None or (size := round(float(said[1]) * _UNITS[said[2]])) < 1:
            self.fail(f"{value!r} is not a size like 500M, 20G or 1.5T", param, ctx)
        return size
