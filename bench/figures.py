"""What a measurement gives, how several rounds become one number, and how numbers are shown. Pure."""

import math
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from msgspec import Struct

#: Of the table, in characters: it fits into a terminal and into a mail.
WIDTH = 80

_MEASURED, _REACH, _VERDICT = 24, 6, 7
_WHAT = WIDTH - _MEASURED - _REACH - _VERDICT - 3


class Figure(Struct, frozen=True, kw_only=True):
    """One number, its spread over the rounds, and the number to reach if the design names one."""

    what: str
    value: float  #: the median of the rounds, unless `what` says otherwise
    unit: str = ""
    low: float | None = None  #: the quartiles of the rounds
    high: float | None = None
    at_most: float | None = None
    at_least: float | None = None

    @property
    def reached(self) -> bool | None:
        """None when the design names nothing to reach."""
        if self.at_most is not None:
            return self.value <= self.at_most
        if self.at_least is not None:
            return self.value >= self.at_least
        return None


class Measurement(Struct, frozen=True, kw_only=True):
    """The figures of one measurement, and whatever else is worth keeping."""

    figures: list[Figure]
    details: dict[str, object] = {}


class Spread(NamedTuple):
    """Rounds in three numbers."""

    middle: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """The median and the quartiles."""
    return Spread(median(values), percentile(values, 25), percentile(values, 75))


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that `percent` of the values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def rounds_of(
    what: str,
    values: Sequence[float],
    *,
    unit: str = "",
    at_most: float | None = None,
    at_least: float | None = None,
) -> Figure:
    """The figure of several rounds."""
    middle, low, high = spread(values)
    return Figure(what=what, value=middle, unit=unit, low=low, high=high, at_most=at_most, at_least=at_least)


def ratios(over: Sequence[float], under: Sequence[float]) -> list[float]:
    """Round by round: what is compared was measured one after the other, under the same load."""
    return [one / other for one, other in zip(over, under, strict=True)]


def table(name: str, figures: Sequence[Figure]) -> list[str]:
    """The lines of one measurement: figure, measured, reach, verdict."""
    lines = [_line(name, "measured", "reach", "verdict"), "-" * WIDTH]
    for figure in figures:
        verdict = {None: "", True: "reached", False: "MISSED"}[figure.reached]
        lines.append(_line(figure.what, _measured(figure), _reach(figure), verdict))
    return lines


def _line(what: str, measured: str, reach: str, verdict: str) -> str:
    return f"{what:{_WHAT}} {measured:>{_MEASURED}} {reach:>{_REACH}} {verdict:{_VERDICT}}".rstrip()


def _measured(figure: Figure) -> str:
    unit = f" {figure.unit}" if figure.unit else ""
    if figure.low is None or figure.high is None:
        return f"{number(figure.value)}{unit}"
    return f"{number(figure.value)}{unit} ({number(figure.low)}–{number(figure.high)})"


def _reach(figure: Figure) -> str:
    if figure.at_most is not None:
        return f"≤ {number(figure.at_most)}"
    return "" if figure.at_least is None else f"≥ {number(figure.at_least)}"


def number(value: float) -> str:
    """Three digits are all that such a measurement can give."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
