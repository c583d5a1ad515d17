"""Pages of the history, the first and the last, at two sizes of it, through HTTP and from the store alone."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

from msgspec import Struct

from app.api.links import cursor_of, position_of
from app.config import DATABASE_FILE
from app.store.database import Database
from app.store.history import History, Position
from app.store.rows import HistoryFilter
from bench.engine import Client, engine
from bench.figures import Figure, Measurement, percentile
from bench.process import resident_mb, scratch
from bench.seeding import COMMON_WORD, DAY_US, FIRST_US, RARE_WORD, YEARS, Common, seed

LIMIT = 50
MOST_MS = 10.0


class Wanted(Struct, frozen=True):
    """A filter in the three languages that are needed here. `where` is trusted SQL on `jobs`."""

    query: dict[str, str]
    filter: HistoryFilter
    where: str = "1"


def history(*, quick: bool) -> Measurement:
    """GET /v1/jobs?limit=50 over HTTP, and `History.page` alone, for each filter, first and last page.

    The database is made by the engine's own code and filled through sqlite3: three years of jobs, two thirds of
    them speak jobs, each with a sentence of text, every third with a common tag, twelve voices, two models. After
    it is filled the page cache is warm; the engine is started on it as it is. The last page is the one with the 50
    oldest jobs that match; its cursor comes from walking all pages at the small size, and at the large one from the
    row before it, through `app.api.links.cursor_of`. Calls go round all filters and both pages, 200 rounds, one
    client, one connection; p50 and p99 are over the rounds. The table shows the page without a filter, and the
    worst filter; the details have all.
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
    filters = _filters(count)
    database_mb = (data_dir / DATABASE_FILE).stat().st_size / 1e6
    last = {name: _last(data_dir / DATABASE_FILE, wanted) for name, wanted in filters.items()}
    store = asyncio.run(_from_store(data_dir / DATABASE_FILE, filters, last, rounds))
    with engine(data_dir) as running, closing(running.client()) as client:
        if walk:
            for name, wanted in filters.items():
                last[name] = _walked(client, wanted)
        http = _over_http(client, filters, last, rounds)
        resident = resident_mb(running.pid)
        ready_s = running.ready_s
    figures = [*_shown(count, "HTTP", http), *_shown(count, "store", store)]
    details: dict[str, object] = {
        "database_mb": database_mb,
        "ready_s": ready_s,
        "resident_mb": resident,
        "HTTP": _all(http),
        "store": _all(store),
    }
    return Measurement(figures=figures, details=details)


def _filters(count: int) -> dict[str, Wanted]:
    """One for each thing that can be filtered by, common and rare, and pairs that no single index serves."""
    common = Common()
    day = YEARS * 365 // 2
    dates = (FIRST_US + day * DAY_US, FIRST_US + (day + 90) * DAY_US)
    table = {
        "none": {},
        "status completed": {"status": "completed"},
        "status paused": {"status": "paused"},
        "lane": {"lane": "render"},
        "voice": {"voice_id": common.voice_id},
        "rare voice": {"voice_id": common.rare_voice_id},
        "model": {"model_id": "espeak-ng"},
        "tag": {"tag": common.tag},
        "rare tag": {"tag": common.rare_tag},
        "text in all": {"text": COMMON_WORD},
        "text in few": {"text": RARE_WORD},
        "text in none": {"text": "surprised no one at the quay"},
        "lane and status": {"lane": "render", "status": "paused"},
        "tag and status": {"tag": common.tag, "status": "paused"},
        "rare voice and status": {"voice_id": common.rare_voice_id, "status": "paused"},
        "text and status": {"text": COMMON_WORD, "status": "paused"},
    }
    found = {name: _wanted(query) for name, query in table.items()}
    start, stop = (f"{_iso(moment)}" for moment in dates)
    found["dates"] = Wanted(
        {"created_from": start, "created_before": stop},
        HistoryFilter(created_from=dates[0], created_before=dates[1]),
        f"created_at >= {dates[0]} AND created_at < {dates[1]}",
    )
    return found


def _wanted(query: Mapping[str, str]) -> Wanted:
    status = query.get("status")
    conditions = [
        f"{name} = '{query[name]}'" for name in ("status", "lane", "voice_id", "model_id") if name in query
    ]
    if "tag" in query:
        conditions.append(f"seq IN (SELECT job_seq FROM job_tags WHERE tag = '{query['tag']}')")
    if "text" in query:
        conditions.append(f"seq IN (SELECT rowid FROM job_search WHERE job_search MATCH '\"{query['text']}\"')")
    wanted = HistoryFilter(
        status=() if status is None else (status,),
        lane=query.get("lane"),
        voice_id=query.get("voice_id"),
        model_id=query.get("model_id"),
        tag=query.get("tag"),
        text=query.get("text"),
    )
    return Wanted(dict(query), wanted, " AND ".join(conditions) or "1")


def _last(path: Path, wanted: Wanted) -> str | None:
    """The cursor behind which there are the 50 oldest that match; None when there are no more than that."""
    with closing(sqlite3.connect(path)) as connection:
        statement = "SELECT created_at, seq FROM jobs WHERE {} ORDER BY created_at, seq LIMIT 1 OFFSET {}"
        row = connection.execute(statement.format(wanted.where, LIMIT)).fetchone()
    return None if row is None else cursor_of(Position(*row))


def _walked(client: Client, wanted: Wanted) -> str | None:
    """The cursor of the last page, from walking to it."""
    cursor: str | None = None
    while True:
        following = client.get(_path(wanted, cursor))["next_cursor"]
        if following is None:
            return cursor
        cursor = following


Times = dict[tuple[str, str], list[float]]


async def _from_store(
    path: Path, filters: Mapping[str, Wanted], last: Mapping[str, str | None], rounds: int
) -> Times:
    times: Times = {(name, page): [] for name in filters for page in ("first", "last")}
    database = await Database.open(path)
    pages = History(database)
    for number in range(rounds + 1):
        for name, wanted in filters.items():
            for page, after in (("first", None), ("last", position_of(last[name]))):
                before = time.perf_counter()
                await pages.page(wanted.filter, after=after, limit=LIMIT)
                if number:
                    times[name, page].append(1000 * (time.perf_counter() - before))
    await database.close()
    return times


def _over_http(client: Client, filters: Mapping[str, Wanted], last: Mapping[str, str | None], rounds: int) -> Times:
    times: Times = {(name, page): [] for name in filters for page in ("first", "last")}
    for number in range(rounds + 1):
        for name, wanted in filters.items():
            for page, path in (("first", _path(wanted, None)), ("last", _path(wanted, last[name]))):
                before = time.perf_counter()
                client.ask("GET", path)
                if number:
                    times[name, page].append(1000 * (time.perf_counter() - before))
    return times


def _path(wanted: Wanted, cursor: str | None) -> str:
    query = {**wanted.query, "limit": str(LIMIT)} | ({} if cursor is None else {"cursor": cursor})
    return f"/v1/jobs?{urlencode(query)}"


def _shown(count: int, door: str, times: Times) -> list[Figure]:
    figures: list[Figure] = []
    for page in ("first", "last"):
        mine = times["none", page]
        figures += [
            Figure(what=f"{count:,}: {door}, {page} page, p50", value=percentile(mine, 50), unit="ms"),
            Figure(
                what=f"{count:,}: {door}, {page} page, p99", value=percentile(mine, 99), unit="ms", at_most=MOST_MS
            ),
        ]
    p99: Callable[[tuple[str, str]], float] = lambda key: percentile(times[key], 99)  # noqa: E731
    single = [key for key in times if " and " not in key[0]]
    worst, pair = max(single, key=p99), max(set(times) - set(single), key=p99)
    for title, key in (("one filter", worst), ("two", pair)):
        what = f"{count:,}: {door}, {title}, worst p99"
        figures.append(Figure(what=f"{what}: {key[0]}", value=p99(key), unit="ms", at_most=MOST_MS))
    return figures


def _all(times: Times) -> dict[str, object]:
    return {
        f"{name}, {page}": {"p50_ms": percentile(values, 50), "p99_ms": percentile(values, 99)}
        for (name, page), values in times.items()
    }


def _iso(microseconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(microseconds // 1_000_000))
