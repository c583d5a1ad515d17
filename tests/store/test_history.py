"""Pages of the history: stable while jobs come, and at the same cost wherever they are."""

import itertools
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.engine import Engine

from app.inference.model import Lane
from app.store.chunks import ChunkStore
from app.store.database import Database
from app.store.history import History, Position
from app.store.jobs import JobStore
from app.store.rows import HistoryFilter, Job, JobStatus
from tests.store.samples import added, in_state, plan_of
from tests.support.variants import in_test_long

pytestmark = pytest.mark.anyio

ALL = HistoryFilter()


async def pages(history: History, wanted: HistoryFilter, *, limit: int) -> list[Job]:
    """Every page, one after the other."""
    found: list[Job] = []
    page, position = await history.page(wanted, after=None, limit=limit)
    found += page
    while position is not None:
        assert len(page) == limit
        page, position = await history.page(wanted, after=position, limit=limit)
        assert not {job.id for job in page} & {job.id for job in found}, "without an end"
        found += page
    return found


async def mixed(jobs: JobStore) -> list[Job]:
    """Jobs of all kinds, newest first."""
    kinds = itertools.product(Lane, ("v1", "v2"), list(JobStatus), (["a"], ["a", "b"], []))
    made = [
        await in_state(
            jobs, status, lane=lane, voice_id=voice, tags=tags, text=f"The {lane} of {voice}, {status}: abcdef"
        )
        for lane, voice, status, tags in kinds
    ]
    return made[::-1]


@pytest.fixture
def same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that stands still: only the number tells which job is newer."""
    monkeypatch.setattr("app.store.jobs.now_us", lambda: 1_000)


FILTERS: dict[str, tuple[HistoryFilter, Callable[[Job], bool]]] = {
    "everything": (ALL, lambda _: True),
    "a status": (HistoryFilter(status=("failed",)), lambda job: job.status == "failed"),
    "statuses": (
        HistoryFilter(status=("failed", "queued")),
        lambda job: job.status in ("failed", "queued"),
    ),
    "a lane": (HistoryFilter(lane=Lane.SPEAK), lambda job: job.lane is Lane.SPEAK),
    "a voice": (HistoryFilter(voice_id="v2"), lambda job: job.voice_id == "v2"),
    "a model": (HistoryFilter(model_id="model"), lambda _: True),
    "another model": (HistoryFilter(model_id="none"), lambda _: False),
    "a tag": (HistoryFilter(tag="b"), lambda job: "b" in job.tags),
    "words": (HistoryFilter(text="speak of v1"), lambda job: (job.lane, job.voice_id) == ("speak", "v1")),
    "words in a word": (HistoryFilter(text="BCDE"), lambda _: True),
    "words and more": (
        HistoryFilter(text="of v1", lane=Lane.RENDER, status=("paused",)),
        lambda job: (job.voice_id, job.lane, job.status) == ("v1", "render", "paused"),
    ),
    "a tag and more": (
        HistoryFilter(tag="a", lane=Lane.RENDER, status=("paused", "running"), voice_id="v1"),
        lambda job: (
            "a" in job.tags and (job.voice_id, job.lane) == ("v1", "render") and job.status in ("paused", "running")
        ),
    ),
}


async def test_a_filter_gives_the_jobs_it_names_newest_first(jobs: JobStore, history: History) -> None:
    made = await mixed(jobs)
    for name, (wanted, holds) in FILTERS.items():
        expected = [job.id for job in made if holds(job)]

        for limit in (1, 7, 100):
            assert [job.id for job in await pages(history, wanted, limit=limit)] == expected, name


@pytest.mark.usefixtures("same_time")
@pytest.mark.parametrize("name", ["a tag", *in_test_long("everything", "a lane", "words in a word")])
async def test_jobs_of_the_same_microsecond_are_neither_lost_nor_repeated(
    jobs: JobStore, history: History, name: str
) -> None:
    made = await mixed(jobs)
    wanted, holds = FILTERS[name]

    found = await pages(history, wanted, limit=5)

    assert [job.id for job in found] == [job.id for job in made if holds(job)]


async def test_dates_are_from_inclusive_to_exclusive(
    jobs: JobStore, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = itertools.count(100, 10)
    monkeypatch.setattr("app.store.jobs.now_us", lambda: next(clock))
    made = [await added(jobs, tags=["tag"], text="findable") for _ in range(6)]

    filters: list[dict[str, Any]] = [{}, {"tag": "tag"}, {"text": "findable"}, {"lane": Lane.RENDER}]
    for more in filters:
        wanted = HistoryFilter(created_from=110, created_before=140, **more)
        found = await pages(history, wanted, limit=2)

        assert [job.id for job in found] == [job.id for job in made[3:0:-1]], more


async def test_a_page_is_not_shifted_by_jobs_that_come_or_go(jobs: JobStore, history: History) -> None:
    made = [await in_state(jobs, JobStatus.CANCELED) for _ in range(10)]
    first, position = await history.page(ALL, after=None, limit=4)

    await added(jobs)
    await jobs.delete(made[6])  # the last of the first page
    await jobs.delete(made[4])
    second, end = await history.page(ALL, after=position, limit=10)

    assert [job.id for job in first] == [made[place].id for place in (9, 8, 7, 6)]
    assert [job.id for job in second] == [made[place].id for place in (5, 3, 2, 1, 0)]
    assert end is None


async def test_the_last_page_says_that_it_is_the_last_even_when_it_is_full(
    jobs: JobStore, history: History
) -> None:
    for _ in range(4):
        await added(jobs)

    first, position = await history.page(ALL, after=None, limit=2)
    second, end = await history.page(ALL, after=position, limit=2)

    assert (len(first), len(second), end) == (2, 2, None)
    assert position == Position(first[-1].created_at, first[-1].seq)


async def test_an_empty_history_is_one_empty_page(history: History) -> None:
    assert await history.page(ALL, after=None, limit=10) == ([], None)


@pytest.mark.parametrize("words", ['"', "a AND b", "100%", "(x", "abc*", "-abc", 'say "hi"', "col:abc", "日本語"])
async def test_searched_words_are_words_and_no_query_language(jobs: JobStore, history: History, words: str) -> None:
    match = await added(jobs, text=f"Before {words} behind.")
    await added(jobs, text="Something else entirely.")

    found = await pages(history, HistoryFilter(text=words if len(words) >= 3 else f"{words} b"), limit=10)

    assert [job.id for job in found] == [match.id]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("北京", "我明天去北京。"),
        ("語。", "日本語。"),
        ("한국", "대한국민"),
        ("ไท", "ภาษาไทย"),
        ("A社", "The a社 report"),
        ("𠮷野", "𠮷野家"),
        ("を%", "100を%かく"),
        (" 本", "a 本"),
    ],
)
async def test_words_of_two_characters_are_found_in_scripts_without_spaces(
    jobs: JobStore, history: History, words: str, text: str
) -> None:
    older = await added(jobs, text=text)
    await added(jobs, text="京北 語 。日 국한 社A 野𠮷 %を")
    newer = await added(jobs, title=text, text="More.")

    assert [job.id for job in await pages(history, HistoryFilter(text=words), limit=1)] == [newer.id, older.id]
    (with_filter,) = await pages(history, HistoryFilter(text=words, created_before=newer.created_at), limit=5)
    assert with_filter.id == older.id


async def test_a_deleted_job_is_found_by_two_characters_no_longer(
    jobs: JobStore, history: History, database: Database
) -> None:
    gone = await in_state(jobs, JobStatus.CANCELED, text="東京です")
    stays = await added(jobs, text="東京です")

    assert await jobs.delete(gone)

    assert [job.id for job in await pages(history, HistoryFilter(text="東京"), limit=5)] == [stays.id]
    async with database.transaction() as connection:
        index = await connection.execute(
            text("SELECT rowid FROM job_search_pairs WHERE job_search_pairs MATCH '6771x4eac'")
        )
        assert index.scalars().all() == [stays.seq]


async def test_titles_are_searched_too_and_long_texts_up_to_a_limit(jobs: JobStore, history: History) -> None:
    job = await added(jobs, title="A rare title", text="x" * 1_900 + "early" + "x" * 200 + "latelate")

    assert [found.id for found in await pages(history, HistoryFilter(text="rare"), limit=5)] == [job.id]
    assert [found.id for found in await pages(history, HistoryFilter(text="early"), limit=5)] == [job.id]
    assert await pages(history, HistoryFilter(text="latelate"), limit=5) == []


@contextmanager
def statements() -> Generator[list[tuple[str, Any]]]:
    """What is sent to any database meanwhile."""
    sent: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        sent.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", note)


DATES = {"created_from": 1, "created_before": 2**60}


@pytest.mark.parametrize("after", [None, Position(2**60, 150)])
@pytest.mark.parametrize(
    ("filters", "index"),
    [
        ({}, "ix_jobs_created_at"),
        ({"status": ("queued",)}, "ix_jobs_status_created_at"),
        ({"lane": Lane.RENDER}, "ix_jobs_lane_created_at"),
        ({"voice_id": "v1"}, "ix_jobs_voice_id_created_at"),
        ({"model_id": "model"}, "ix_jobs_model_id_created_at"),
        ({"tag": "common"}, "PRIMARY KEY (tag="),
        ({"text": "common"}, "VIRTUAL TABLE INDEX"),
        ({"text": "北京"}, "VIRTUAL TABLE INDEX"),
        (DATES, "ix_jobs_created_at"),
        ({"tag": "common", **DATES}, "PRIMARY KEY (tag="),
        ({"text": "common", **DATES}, "VIRTUAL TABLE INDEX"),
        ({"lane": Lane.RENDER, "status": ("queued",)}, "_created_at (status=? OR lane=?"),
        ({"tag": "common", "status": ("queued",), "lane": Lane.RENDER}, "PRIMARY KEY (tag="),
        ({"text": "common", "status": ("queued", "failed"), "tag": "common"}, "VIRTUAL TABLE INDEX"),
    ],
)
async def test_every_filter_walks_an_index_and_sorts_nothing(
    history: History, database: Database, filters: dict[str, Any], index: str, after: Position | None
) -> None:
    # Without ANALYZE, which nobody runs, SQLite's choice does not depend on what is in the tables.
    with statements() as sent:
        await history.page(HistoryFilter(**filters), after=after, limit=20)
    (statement, parameters) = next(entry for entry in sent if entry[0].startswith("SELECT"))

    async with database.transaction() as connection:
        plan = [row.detail for row in await connection.execute(text(_named(statement)), _bound(parameters))]

    assert not any("TEMP B-TREE" in step for step in plan), plan
    assert not any(step.startswith("SCAN jobs") and "USING" not in step for step in plan), plan
    if " OR " in index:
        assert "ix_jobs_status_created_at" in plan[0] or "ix_jobs_lane_created_at" in plan[0], plan
    else:
        assert index in plan[0], plan


async def test_of_several_states_each_walks_its_index(history: History, database: Database) -> None:
    with statements() as sent:
        await history.page(HistoryFilter(status=("queued", "running")), after=Position(2**60, 150), limit=20)
    (statement, parameters) = next(entry for entry in sent if entry[0].startswith("SELECT"))

    async with database.transaction() as connection:
        plan = [row.detail for row in await connection.execute(text(_named(statement)), _bound(parameters))]

    walks = [step for step in plan if "ix_jobs_status_created_at (status=? AND " in step]
    assert len(walks) == 2, plan
    assert not any(step.startswith("SCAN jobs") for step in plan), plan


def _bound(parameters: Sequence[Any]) -> dict[str, Any]:
    return {f"p{number}": value for number, value in enumerate(parameters)}


def _named(statement: str) -> str:
    """EXPLAIN of a statement whose question marks become :p0, :p1 …"""
    first, *rest = statement.split("?")
    return f"EXPLAIN QUERY PLAN {first}" + "".join(f":p{number}{part}" for number, part in enumerate(rest))


async def test_a_text_that_came_bit_by_bit_is_found_by_its_words(
    jobs: JobStore, chunks: ChunkStore, history: History
) -> None:
    job = await added(jobs, text="", chunks_total=0)

    await chunks.extend(job, "東京", plan_of(2))
    await chunks.extend(job, "です xylophones", plan_of(2, 14)[1:])

    for words in ("東京", "京で", "xylo"):
        assert [found.id for found in await pages(history, HistoryFilter(text=words), limit=5)] == [job.id]
    moved = await jobs.move(job, before=[JobStatus.QUEUED], to=JobStatus.CANCELED)
    assert moved is not None
    assert await jobs.delete(moved)
    assert not await pages(history, HistoryFilter(text="京で"), limit=5)
