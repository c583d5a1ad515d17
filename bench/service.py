"""Measures the engine as a service, with the embedded model: `python -m bench.service`.

Every claim is a ratio to something bare that is measured beside it in the same run, in turns, or a figure of
`docs/performance.md`; both are medians with quartiles. `--quick` only shows that everything works.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import Struct

from app import __version__
from bench.fanout import fanout
from bench.figures import WIDTH, Measurement, table
from bench.first_audio import first_audio
from bench.formats import formats
from bench.history import history
from bench.http_audio import http_audio
from bench.process import load, machine
from bench.startup import ready
from bench.submit import submissions
from bench.terminal import terminal
from bench.text_in import text_in
from bench.throughput import efficiency


class Measure(Protocol):
    """A measurement; its docstring is its method."""

    __name__: str

    def __call__(self, *, quick: bool) -> Measurement:
        """Take the measurement."""
        ...


MEASUREMENTS: tuple[Measure, ...] = (
    ready,
    terminal,
    efficiency,
    first_audio,
    http_audio,
    text_in,
    formats,
    history,
    submissions,
    fanout,
)


class Taken(Struct, frozen=True, kw_only=True):
    """A measurement that was taken, and under which load: that of the machine before and after it."""

    name: str
    method: str
    took_s: float
    load_before: list[float]
    load_after: list[float]
    result: Measurement


class Report(Struct, frozen=True, kw_only=True):
    """What `--json` writes."""

    version: str
    quick: bool
    taken_at: str
    machine: dict[str, object]
    measurements: list[Taken]


def take(names: list[str], *, quick: bool, say: Callable[[str], None]) -> Report:
    """Take measurements one after the other, and say each table as soon as it is there."""
    taken: list[Taken] = []
    for measure in MEASUREMENTS:
        if measure.__name__ not in names:
            continue
        before, started = load(), time.monotonic()
        result = measure(quick=quick)
        took_s = time.monotonic() - started
        taken.append(
            Taken(
                name=measure.__name__,
                method=measure.__doc__ or "",
                took_s=took_s,
                load_before=before,
                load_after=load(),
                result=result,
            )
        )
        for line in table(measure.__name__, result.figures):
            say(line)
        say(f"took {took_s:.0f} s; load average {before[0]} before, {load()[0]} after\n")
    return Report(
        version=__version__,
        quick=quick,
        taken_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        machine=machine(),
        measurements=taken,
    )


def main(arguments: list[str] | None = None) -> int:
    """The command. 1 when a figure was missed, but for `--quick`, whose figures mean nothing."""
    known = [measure.__name__ for measure in MEASUREMENTS]
    parser = argparse.ArgumentParser(prog="python -m bench.service", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything to a file")
    parser.add_argument("--only", metavar="NAME,…", help=f"some of {', '.join(known)}")
    parser.add_argument("--quick", action="store_true", help="a few seconds each; the figures mean nothing")
    chosen = parser.parse_args(arguments)
    only: str | None = chosen.only
    names = known if only is None else only.split(",")
    if unknown := set(names) - set(known):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there is: {', '.join(known)}")
    report = take(names, quick=chosen.quick, say=lambda line: print(line, flush=True))
    machine_line = ", ".join(f"{name} {value}" for name, value in report.machine.items())
    while machine_line:
        cut = machine_line.rfind(", ", 0, WIDTH) + 2 if len(machine_line) > WIDTH else len(machine_line)
        print(machine_line[:cut].rstrip())
        machine_line = machine_line[cut:]
    if chosen.json is not None:
        chosen.json.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1))
    missed = [figure for one in report.measurements for figure in one.result.figures if figure.reached is False]
    return 1 if missed and not chosen.quick else 0


if __name__ == "__main__":
    sys.exit(main())
