"""How facts look in a terminal: tables and lines that fit it, times and sizes as people say them, colours where
they are wanted. What it shows is given to it; it asks no engine.
"""

import json
import os
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import click

#: A column that may be cut keeps at least this many characters.
NARROWEST = 6
#: Lines of text are not longer, however wide the terminal is; click has the same limit for the help.
WIDEST_TEXT = 80
GAP = "  "


class Column(NamedTuple):
    """A column of a table."""

    title: str
    cut: bool = False  #: its cells are cut with … where there is no room
    right: bool = False
    colors: Mapping[str, str] = {}  #: by the first word of a cell


def say(text: str) -> None:
    """A line for whoever called the command."""
    click.echo(text)


def note(text: str) -> None:
    """A line for a person, on standard error: it is not part of the answer."""
    click.echo(text, err=True)


def error_line(message: str) -> str:
    """An error as it is shown: on a terminal wrapped at words, as the help is; one line for a program."""
    line = f"q3tts: {message}"
    if not sys.stderr.isatty():
        return line
    return textwrap.fill(line, min(terminal_width(), WIDEST_TEXT), break_long_words=False, break_on_hyphens=False)


def print_json(value: Any) -> None:
    """One document, and nothing else."""
    click.echo(json.dumps(value, indent=2))


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """The rows under their titles, each in one line that fits the terminal."""
    cells = [[one_line(cell) for cell in row] for row in rows]
    widths = _widths(columns, cells)
    colored = is_colored()
    for number, row in enumerate([[column.title for column in columns], *cells]):
        parts: list[str] = []
        for column, cell, room in zip(columns, row, widths, strict=True):
            shown = cut(cell, room)
            padding = " " * (room - width(shown))
            if colored:
                color = column.colors.get(cell.partition(" ")[0]) if number else None
                shown = click.style(shown, fg=color, dim=number == 0 or None)
            parts.append(padding + shown if column.right else shown + padding)
        say(GAP.join(parts).rstrip())


def print_facts(facts: Mapping[str, str]) -> None:
    """A name and a fact about it, a line each, and more where one is not enough; nothing for ""."""
    shown = {name: " ".join(one_line(fact).split()) for name, fact in facts.items() if fact}
    indent = max(map(len, shown), default=0) + len(GAP)
    for name, fact in shown.items():
        lines = textwrap.wrap(
            fact, max(terminal_width() - indent, 2 * NARROWEST), break_long_words=False, break_on_hyphens=False
        )
        title = click.style(name.ljust(indent), dim=True) if is_colored() else name.ljust(indent)
        say(title + f"\n{' ' * indent}".join(lines))


def is_colored() -> bool:
    """Whether standard output is a terminal that should be shown colours."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def terminal_width() -> int:
    """How much fits into a line: 80 where there is no terminal."""
    return shutil.get_terminal_size((80, 24)).columns


def one_line(text: str) -> str:
    """Without what would move the cursor, or worse: a title may be anybody's."""
    return "".join(character if character.isprintable() else " " for character in text)


def width(text: str) -> int:
    """How many cells of a terminal the text takes: Chinese characters take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def cut(text: str, room: int) -> str:
    """The text, or as much of it as there is room for, with … at its end."""
    if width(text) <= room:
        return text
    while text and width(text) > room - 1:
        text = text[:-1]
    return f"{text.rstrip()}…"


def counted(jobs: int) -> str:
    """How many jobs, in words: 1 job, 1,200 jobs."""
    return f"{jobs:,} job{'' if jobs == 1 else 's'}"


def clock(seconds: float) -> str:
    """A length of time as a clock has it: 75 seconds are 1:15, an hour 1:00:00."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def local_time(moment: str | None, *, exact: bool = False) -> str:
    """A time of the engine's, here: to the minute if it was in this year, to the day if not."""
    if moment is None:
        return ""
    local = datetime.fromisoformat(moment).astimezone()
    if exact:
        return local.strftime("%Y-%m-%d %H:%M:%S")
    return local.strftime("%d %b %H:%M" if local.year == datetime.now().astimezone().year else "%d %b %Y")


def size(count: int | None) -> str:
    """Bytes as people say them: 2.5 GB."""
    if count is None:
        return ""
    amount, units = float(count), ["B", "kB", "MB", "GB"]
    while amount >= 999.5 and len(units) > 1:
        amount, units = amount / 1000, units[1:]
    return f"{amount:.1f} {units[0]}" if amount < 9.95 and units[0] != "B" else f"{amount:,.0f} {units[0]}"


def speed(real_time_factor: float | None) -> str:
    """How fast it went: the real-time factor, and how many times as fast as it plays."""
    if not real_time_factor:
        return ""
    times = 1 / real_time_factor
    return f"real-time factor {real_time_factor:.2g} ({times:,.{0 if times >= 10 else 1}f} × real time)"


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[int]:
    """What each column needs; if a terminal has no room for that, the widest that may be cut give way."""
    widths = [
        max([width(column.title), *(width(row[index]) for row in rows)]) for index, column in enumerate(columns)
    ]
    if not sys.stdout.isatty() and "COLUMNS" not in os.environ:
        return widths  # a program reads it
    room = terminal_width() - len(GAP) * (len(columns) - 1)
    while sum(widths) > room:
        yielding = [index for index, column in enumerate(columns) if column.cut and widths[index] > NARROWEST]
        if not yielding:
            break
        widths[max(yielding, key=widths.__getitem__)] -= 1
    return widths
