"""How two are put side by side: rounds in turns, the ratio round by round, a line of 80 characters. Pure."""

from collections.abc import Callable, Mapping, Sequence
from statistics import median

from msgspec import Struct

from bench.figures import WIDTH, Figure, number, ratios, rounds_of

_OURS = _OTHER = 19
_RATIO = 16
_WHAT = WIDTH - _OURS - _OTHER - _RATIO - 3


class Line(Struct, frozen=True, kw_only=True):
    """A comparison. The ratio is the other's to ours: above 1, ours takes less."""

    what: str
    unit: str
    ours: Figure
    other: Figure | None = None
    ratio: Figure | None = None
    other_is: str = ""  #: which of several ways was the best
    rounds: dict[str, list[float]] = {}  #: of everything that was measured for it
    details: dict[str, object] = {}
    remark: str = ""  #: instead of numbers


class Table(Struct, frozen=True, kw_only=True):
    """Lines that have the same two columns, and mostly the same unit, which `name` tells."""

    name: str
    ours: str
    other: str
    lines: list[Line]


def line_of(
    what: str,
    unit: str,
    ours: Sequence[float],
    others: Mapping[str, Sequence[float]],
    details: dict[str, object] | None = None,
) -> Line:
    """Rounds of ours, and of several ways of another, of which the one with the lowest median counts."""
    best = min(others, key=lambda name: median(others[name]), default="")
    return Line(
        what=what,
        unit=unit,
        ours=rounds_of(what, ours, unit=unit),
        other=rounds_of(f"{what}: {best}", others[best], unit=unit) if others else None,
        ratio=rounds_of(f"{what}: ratio", ratios(others[best], ours)) if others else None,
        other_is=best,
        rounds={"ours": list(ours), **{name: list(rounds) for name, rounds in others.items()}},
        details=details or {},
    )


def head(table: Table) -> list[str]:
    """Of the printed table."""
    return [_row(table.name, table.ours, table.other, "ratio"), "-" * WIDTH]


def printed(line: Line) -> str:
    """A line of the printed table."""
    if line.remark:
        return f"{line.what:{_WHAT}} {line.remark}"
    return _row(line.what, _cell(line.ours, number), _cell(line.other, number), _cell(line.ratio, _times))


def _row(what: str, ours: str, other: str, ratio: str) -> str:
    return f"{what:{_WHAT}} {ours:>{_OURS}} {other:>{_OTHER}} {ratio:>{_RATIO}}".rstrip()


def _cell(figure: Figure | None, shown: Callable[[float], str]) -> str:
    if figure is None:
        return "–"
    if figure.low is None or figure.high is None or figure.low == figure.high:
        return shown(figure.value)
    return f"{shown(figure.value)} ({shown(figure.low)}–{shown(figure.high)})"


def _times(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 10 else number(ratio)
