"""What is asked of the history: as a query, as the store takes it, and as SQL that finds the last page."""

import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

from msgspec import Struct

from app.api.paging import cursor_of
from app.inference.model import Lane
from app.store.history import Position
from app.store.pairs import pair_token
from app.store.rows import HistoryFilter
from bench.seeding import COMMON_PAIR, COMMON_WORD, DAY_US, FIRST_US, RARE_PAIR, RARE_WORD, YEARS, Common

LIMIT = 50

#: What no single index can answer: pairs of filters, and a search that goes through the whole history. The design
#: names no figure for them; they are asked less often, and shown one by one.
HARD = (
    "text in none",
    "lane and status",
    "tag and status",
    "rare voice and status",
    "text and status",
    "queued or running",
)


class Wanted(Struct, frozen=True):
    """A filter in the three languages that are needed here. `where` is trusted SQL on `jobs`."""

    query: dict[str, str]
    filter: HistoryFilter
    where: str = "1"


def filters() -> dict[str, Wanted]:
    """One for each thing that can be filtered by, common and rare, and pairs that no single index serves."""
    common = Common()
    day = YEARS * 365 // 2
    dates = (FIRST_US + day * DAY_US, FIRST_US + (day + 90) * DAY_US)
    table = {
        "none": {},
        "completed": {"status": "completed"},
        "paused": {"status": "paused"},
        "lane": {"lane": "render"},
        "voice": {"voice_id": common.voice_id},
        "rare voice": {"voice_id": common.rare_voice_id},
        "model": {"model_id": "espeak-ng"},
        "tag": {"tag": common.tag},
        "rare tag": {"tag": common.rare_tag},
        "text in all": {"text": COMMON_WORD},
        "text in few": {"text": RARE_WORD},
        "a common pair": {"text": COMMON_PAIR},
        "a rare pair": {"text": RARE_PAIR},
        "text in none": {"text": "surprised no one at the quay"},
        "lane and status": {"lane": "render", "status": "paused"},
        "tag and status": {"tag": common.tag, "status": "paused"},
        "rare voice and status": {"voice_id": common.rare_voice_id, "status": "paused"},
        "text and status": {"text": COMMON_WORD, "status": "paused"},
        "queued or running": {"status": "queued,running"},
    }
    found = {name: _wanted(query) for name, query in table.items()}
    start, stop = (_iso(moment) for moment in dates)
    found["dates"] = Wanted(
        {"created_from": start, "created_before": stop},
        HistoryFilter(created_from=dates[0], created_before=dates[1]),
        f"created_at >= {dates[0]} AND created_at < {dates[1]}",
    )
    end = FIRST_US + YEARS * 366 * DAY_US
    found["before a date"] = Wanted({"created_before": _iso(end)}, HistoryFilter(created_before=end))
    return found


def _wanted(query: Mapping[str, str]) -> Wanted:
    status = query.get("status")
    conditions = [
        f"{name} = '{query[name]}'" for name in ("status", "lane", "voice_id", "model_id") if name in query
    ]
    if "tag" in query:
        conditions.append(f"seq IN (SELECT job_seq FROM job_tags WHERE tag = '{query['tag']}')")  # noqa: S608
    if "text" in query:
        words = query["text"]
        index, phrase = ("job_search", f'"{words}"') if len(words) > 2 else ("job_search_pairs", pair_token(words))
        conditions.append(f"seq IN (SELECT rowid FROM {index} WHERE {index} MATCH '{phrase}')")  # noqa: S608
    lane = query.get("lane")
    wanted = HistoryFilter(
        status=() if status is None else tuple(status.split(",")),
        lane=None if lane is None else Lane(lane),
        voice_id=query.get("voice_id"),
        model_id=query.get("model_id"),
        tag=query.get("tag"),
        text=query.get("text"),
    )
    return Wanted(dict(query), wanted, " AND ".join(conditions) or "1")


def last_page(path: Path, wanted: Wanted) -> str | None:
    """The cursor after which there are the 50 oldest that match; None when there are no more than that."""
    with closing(sqlite3.connect(path)) as connection:
        statement = "SELECT created_at, seq FROM jobs WHERE {} ORDER BY created_at, seq LIMIT 1 OFFSET {}"
        row = connection.execute(statement.format(wanted.where, LIMIT)).fetchone()
    return None if row is None else cursor_of(Position(*row))


def of_round(wanted: Mapping[str, Wanted], number: int) -> list[tuple[str, Wanted]]:
    """All filters, the hard ones in some of the rounds only; round 0 is not counted."""
    hard = number % 5 < 2 and number < 50
    return [(name, one) for name, one in wanted.items() if hard or name not in HARD]


def path_of(wanted: Wanted, cursor: str | None) -> str:
    """The request for a page."""
    query: dict[str, str | list[str]] = {**wanted.query, "limit": str(LIMIT)}
    if cursor is not None:
        query["cursor"] = cursor
    if "status" in wanted.query:
        query["status"] = wanted.query["status"].split(",")
    return f"/v1/jobs?{urlencode(query, doseq=True)}"


def _iso(microseconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(microseconds // 1_000_000))
