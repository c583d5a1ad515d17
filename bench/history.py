"""Pages of the history, the first and the last, at two sizes of it, through HTTP and from the store alone."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from app.api.paging import position_of
from app.config import DATABASE_FILE
from app.store.database import Database
from app.store.history import History
from bench.engine import Client, engine
from bench.figures import Figure, Measurement, percentile, rounds_of
from bench.filters import HARD, LIMIT, Wanted, filters, last_page, of_round, path_of
from bench.process import resident_mb, scratch
from bench.seeding import seed

MAX_MS = 10.0
#: How much the engine may grow while it exports, however many jobs there are.
MAX_EXPORT_MB = 20.0
#: Of totals: by nothing, by each of what they can be grouped by, and of a year.
MAX_STATS_MS = 50.0
STATS = {
    "stats": "",
    "stats by day": "?by=day",
    "stats by model": "?by=model",
    "stats by voice": "?by=voice",
    "stats by lane": "?by=lane",
    "stats by voice, a year": "?by=voice&first_day=2026-01-01&last_day=2026-12-31",
}


def history(*, quick: bool) -> Measurement:
    """GET /v1/jobs?limit=50 over HTTP, and `History.page` alone, for each filter, first and last page.

    The database is made by the engine's own code and filled through sqlite3: three years of jobs, two thirds of
    them speak jobs, each with a sentence of text, every third with a common tag, twelve voices, two models. After
    it is filled the page cache is warm; the engine is started on it as it is. The last page is the one with the 50
    oldest jobs that match; its cursor comes from walking all pages at the small size, and at the large one from the
    row before it, through `app.api.paging.cursor_of`. Calls go round all filters and both pages, 200 rounds, one
    client, one connection; p50 and p99 are over the rounds. The table shows the page without a filter, then the
    single filter and page with the highest p50, then medians and quartiles of what no index can answer alone (pairs
    of filters, a phrase that no job has), which is asked less often. Then `GET /v1/jobs/stats`, the slowest way of
    asking for totals, and `GET /v1/jobs/export`, read to its end, with the engine's resident memory at each piece.
    The details have all.
    """
    small, large = (200, 2_000) if quick else (1_000, 1_000_000)
    figures: list[Figure] = []
    details: dict[str, object] = {}
    for count in (small, large):
        with scratch() as folder:
            before = time.monotonic()
            seed(folder / "data", count)
            seeded_s = time.monotonic() - before
            found = _of_size(folder / "data", count, walk=count == small, rounds=5 if quick else 200)
        figures += found.figures
        details[f"{count} jobs"] = {"seeded_s": seeded_s, **found.details}
    return Measurement(figures=figures, details=details)


def _of_size(data_dir: Path, count: int, *, walk: bool, rounds: int) -> Measurement:
    asked = filters()
    database = data_dir / DATABASE_FILE
    database_mb = database.stat().st_size / 1e6
    last = {name: last_page(database, one) for name, one in asked.items()}
    store = asyncio.run(_from_store(database, asked, last, rounds))
    with engine(data_dir) as running, closing(running.client()) as client:
        if walk:
            last = {name: _walked(client, one) for name, one in asked.items()}
        http = _over_http(client, asked, last, rounds)
        totals = _stats(client, rounds)
        exported = _export(client, running.pid, count)
        details: dict[str, object] = {
            "database_mb": database_mb,
            "ready_s": running.ready_s,
            "resident_mb": resident_mb(running.pid),
            "HTTP": _all(http),
            "store": _all(store),
            "stats": {
                name: {"p50_ms": percentile(times, 50), "p99_ms": percentile(times, 99)}
                for name, times in totals.items()
            },
        }
    slowest = max(totals, key=lambda name: percentile(totals[name], 50))
    figures = [*_shown(count, "HTTP", http), *_shown(count, "store", store)]
    figures += _two(f"{_short(count)}: HTTP, {slowest}", totals[slowest], at_most=MAX_STATS_MS)
    figures += exported
    return Measurement(figures=figures, details=details)


def _export(client: Client, pid: int, count: int) -> list[Figure]:
    """All jobs as JSON lines: how much memory that takes in the engine, and how fast it is."""
    before, started = resident_mb(pid), time.perf_counter()
    most, lines = before, 0
    for piece in client.pieces("/v1/jobs/export"):
        lines += piece.count(b"\n")
        most = max(most, resident_mb(pid))
    took_s = time.perf_counter() - started
    if lines != count:
        raise AssertionError(f"{lines} of {count} jobs were exported")
    grown = Figure(
        what=f"{_short(count)}: export, memory grown", value=most - before, unit="MB", at_most=MAX_EXPORT_MB
    )
    return [grown, Figure(what=f"{_short(count)}: export, jobs a second", value=count / took_s, unit="")]


def _stats(client: Client, rounds: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in STATS}
    for number in range(rounds + 1):
        for name, query in STATS.items():
            before = time.perf_counter()
            client.ask("GET", f"/v1/jobs/stats{query}")
            if number:
                times[name].append(1000 * (time.perf_counter() - before))
    return times


def _walked(client: Client, wanted: Wanted) -> str | None:
    """The cursor of the last page, from walking to it."""
    cursor: str | None = None
    while True:
        following = client.get(path_of(wanted, cursor))["next_cursor"]
        if following is None:
            return cursor
        cursor = following


Times = dict[tuple[str, str], list[float]]


async def _from_store(
    database: Path, asked: Mapping[str, Wanted], last: Mapping[str, str | None], rounds: int
) -> Times:
    times: Times = {(name, page): [] for name in asked for page in ("first", "last")}
    opened = await Database.open(database)
    pages = History(opened)
    for number in range(rounds + 1):
        for name, one in of_round(asked, number):
            for page, after in (("first", None), ("last", position_of(last[name]))):
                before = time.perf_counter()
                await pages.page(one.filter, after=after, limit=LIMIT)
                if number:
                    times[name, page].append(1000 * (time.perf_counter() - before))
    await opened.close()
    return times


def _over_http(client: Client, asked: Mapping[str, Wanted], last: Mapping[str, str | None], rounds: int) -> Times:
    times: Times = {(name, page): [] for name in asked for page in ("first", "last")}
    for number in range(rounds + 1):
        for name, one in of_round(asked, number):
            for page, path in (("first", path_of(one, None)), ("last", path_of(one, last[name]))):
                before = time.perf_counter()
                client.ask("GET", path)
                if number:
                    times[name, page].append(1000 * (time.perf_counter() - before))
    return times


def _shown(count: int, door: str, times: Times) -> list[Figure]:
    of = _short(count)
    figures: list[Figure] = []
    for page in ("first", "last"):
        figures += _two(f"{of}: {door}, {page} page", times["none", page])
    easy = [key for key in times if key[0] not in HARD and key[0] != "none"]
    slowest = max(easy, key=lambda key: percentile(times[key], 50))
    figures += _two(f"{of}: {door}, {', '.join(slowest)}", times[slowest])
    for hard in HARD if door == "HTTP" else ():
        both = [value for page in ("first", "last") for value in times[hard, page]]
        figures.append(rounds_of(f"{of}: {hard}", both, unit="ms"))
    return figures


def _short(count: int) -> str:
    return f"{count // 1_000_000}M" if count >= 1_000_000 else f"{count:,}"


def _two(what: str, times: list[float], *, at_most: float = MAX_MS) -> list[Figure]:
    return [
        Figure(what=f"{what}, p50", value=percentile(times, 50), unit="ms"),
        Figure(what=f"{what}, p99", value=percentile(times, 99), unit="ms", at_most=at_most),
    ]


def _all(times: Times) -> dict[str, object]:
    return {
        f"{name}, {page}": {"p50_ms": percentile(values, 50), "p99_ms": percentile(values, 99)}
        for (name, page), values in times.items()
    }
