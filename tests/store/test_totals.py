"""Totals: what every job has added to them, whatever has become of it since."""

from typing import Any

import pytest

from app.inference.model import Lane
from app.store.chunks import ChunkStore
from app.store.database import Database
from app.store.jobs import JobStore
from app.store.rows import Artifact, Changes, ChunkRefused, JobStatus
from app.store.totals import Grouping, JobTotals, Totals, TotalsFilter
from tests.store.samples import ERROR, added, done, in_state, plan_of

pytestmark = pytest.mark.anyio

DAY_US = 86_400_000_000


@pytest.fixture
def totals(database: Database) -> JobTotals:
    return JobTotals(database)


async def total(totals: JobTotals, **wanted: Any) -> Totals:
    return (await totals.of(TotalsFilter(**wanted), (), limit=1))[0]


async def groups(totals: JobTotals, *by: Grouping, **wanted: Any) -> list[Totals]:
    return (await totals.of(TotalsFilter(**wanted), by, limit=1000))[1]


async def test_without_jobs_every_total_is_zero(totals: JobTotals) -> None:
    found, grouped = await totals.of(TotalsFilter(), (Grouping.DAY,), limit=10)

    assert (found.jobs, found.characters, found.samples, found.refused_takes, grouped) == (0, 0, 0, 0, [])


async def test_a_job_counts_with_all_that_is_done_for_it(
    jobs: JobStore, chunks: ChunkStore, totals: JobTotals
) -> None:
    await added(jobs, text="Twelve chars")
    job = await jobs.claim(Lane.RENDER)
    assert job is not None
    await chunks.plan(job, plan_of(6, 12))

    job = await chunks.refuse(job, ChunkRefused(0, 1, 0, 0, None), warning={})
    job = await chunks.refuse(job, ChunkRefused(0, 2, 0, 0, None), warning={})
    job = await chunks.finish(job, [done(0, samples=(0, 100), last_seq=1)], characters=6, work_us=5)
    job = await chunks.finish(job, [done(1, samples=(100, 250), last_seq=2)], characters=6, work_us=9)
    wav = Artifact(format="wav", file_name="audio.wav", bytes=80, samples=250)
    completed = await jobs.complete(job, [wav], Changes(finished_at=1))

    assert completed is not None
    assert completed.refused_takes == 2
    found = await total(totals)
    assert (found.jobs, found.completed, found.failed, found.canceled) == (1, 1, 0, 0)
    assert (found.characters, found.samples, found.work_us, found.refused_takes) == (12, 250, 9, 2)


async def test_a_text_that_is_still_written_counts_as_it_comes(
    jobs: JobStore, chunks: ChunkStore, totals: JobTotals
) -> None:
    job = await added(jobs, text="", chunks_total=0)

    await chunks.extend(job, "Twelve chars", plan_of(12))

    assert (await total(totals)).characters == 12


async def test_audio_that_is_taken_back_is_taken_off(jobs: JobStore, chunks: ChunkStore, totals: JobTotals) -> None:
    await added(jobs)
    job = await jobs.claim(Lane.RENDER)
    assert job is not None
    await chunks.plan(job, plan_of(3, 8))
    job = await chunks.finish(job, [done(0, samples=(0, 100), last_seq=1)], characters=3, work_us=5)
    await chunks.finish(job, [done(1, samples=(100, 250), last_seq=2)], characters=5, work_us=9)

    await chunks.reopen(job, first=1)

    assert (await total(totals)).samples == 100


async def test_a_job_that_is_retried_has_not_failed(jobs: JobStore, totals: JobTotals) -> None:
    job = await in_state(jobs, JobStatus.FAILED)
    assert (await total(totals)).failed == 1

    await jobs.move(job, before=[JobStatus.FAILED], to=JobStatus.QUEUED)

    found = await total(totals)
    assert (found.jobs, found.failed) == (1, 0)


async def test_what_a_dead_engine_left_behind_counts_as_it_is_then(jobs: JobStore, totals: JobTotals) -> None:
    await added(jobs, lane=Lane.SPEAK)

    await jobs.rescue(ERROR)

    assert (await total(totals)).failed == 1


async def test_a_deleted_job_stays_in_the_totals(jobs: JobStore, totals: JobTotals) -> None:
    job = await in_state(jobs, JobStatus.CANCELED)
    before = await total(totals)

    assert await jobs.delete(job)

    assert await total(totals) == before
    assert before.jobs == 1


async def test_jobs_are_kept_apart_by_day_model_voice_and_lane(
    jobs: JobStore, totals: JobTotals, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day, lane, model, voice in (
        (5, Lane.SPEAK, "m1", "v1"),
        (5, Lane.RENDER, "m1", "v2"),
        (7, Lane.RENDER, "m2", "v3"),
    ):
        monkeypatch.setattr("app.store.jobs.now_us", lambda day=day: day * DAY_US + 1)
        await added(jobs, lane=lane, model_id=model, voice_id=voice)

    async def counted(by: Grouping, **wanted: Any) -> dict[object, int]:
        field = by if by in (Grouping.DAY, Grouping.LANE) else f"{by}_id"
        return {getattr(one, field): one.jobs for one in await groups(totals, by, **wanted)}

    assert await counted(Grouping.DAY) == {5: 2, 7: 1}
    assert await counted(Grouping.MODEL) == {"m1": 2, "m2": 1}
    assert await counted(Grouping.VOICE) == {"v1": 1, "v2": 1, "v3": 1}
    assert await counted(Grouping.LANE) == {"render": 2, "speak": 1}
    assert await counted(Grouping.LANE, first_day=6) == {"render": 1}
    assert await counted(Grouping.DAY, last_day=5, lane=Lane.SPEAK) == {5: 1}
    assert await counted(Grouping.DAY, model_id="m1", voice_id="v2") == {5: 1}
    pairs = [(one.day, one.lane, one.jobs) for one in await groups(totals, Grouping.DAY, Grouping.LANE)]
    assert pairs == [(5, "render", 1), (5, "speak", 1), (7, "render", 1)]
    assert [(await total(totals, **wanted)).jobs for wanted in ({}, {"first_day": 7}, {"lane": Lane.SPEAK})] == [
        3,
        1,
        1,
    ]
