"""Chunks, and the counters of their job, which can never disagree with them."""

import pytest
from sqlalchemy.exc import IntegrityError

from app.errors import StorageFailed
from app.store.chunks import ChunkStore
from app.store.database import Database
from app.store.jobs import JobStore
from app.store.rows import ChunkDone, Job, JobStatus
from tests.store.samples import added, done, in_state, plan_of, scalar

pytestmark = pytest.mark.anyio

PLAN = plan_of(10, 25, 31, 50)
DONE = [
    done(0, samples=(0, 100), last_seq=1),
    done(1, samples=(100, 100), last_seq=1),  # nothing to say
    done(2, samples=(100, 5000), last_seq=4, attempts=2),
    done(3, samples=(5000, 5001), last_seq=5),
]


@pytest.fixture
async def job(jobs: JobStore, chunks: ChunkStore) -> Job:
    made = await in_state(jobs, JobStatus.RUNNING)
    await chunks.plan(made, PLAN)
    return await jobs.get(made.id)


async def agree(jobs: JobStore, chunks: ChunkStore, job: Job) -> None:
    """The counters of the row are what its chunks add up to."""
    row, parts = await jobs.get(job.id), await chunks.list(job)
    finished = [part for part in parts if part.state == "done"]
    assert finished == parts[: len(finished)], "chunks are finished in order"
    assert row.chunks_total == len(parts)
    assert row.chunks_done == len(finished)
    assert row.characters_done == sum(part.end_char - part.start_char for part in finished)
    assert row.samples == (finished[-1].end_sample if finished else 0)
    assert row.last_seq == (finished[-1].last_seq if finished else 0)


async def finish(chunks: ChunkStore, job: Job, parts: list[ChunkDone]) -> Job:
    characters = sum(PLAN[part.chunk_index].end_char - PLAN[part.chunk_index].start_char for part in parts)
    return await chunks.finish(job, parts, characters=characters, work_us=77)


async def test_a_plan_is_read_back_as_it_was_kept(chunks: ChunkStore, jobs: JobStore, job: Job) -> None:
    assert await chunks.list(job) == PLAN
    assert await chunks.list(job, start=1, limit=2) == PLAN[1:3]
    assert await chunks.list(job, start=9) == []
    await agree(jobs, chunks, job)


async def test_a_plan_may_be_empty(chunks: ChunkStore, jobs: JobStore) -> None:
    made = await in_state(jobs, JobStatus.RUNNING)

    await chunks.plan(made, [])

    assert (await jobs.get(made.id)).chunks_total == 0


async def test_a_plan_is_made_once(chunks: ChunkStore, job: Job) -> None:
    with pytest.raises(IntegrityError):
        await chunks.plan(job, plan_of(1, 2))

    assert await chunks.list(job) == PLAN


async def test_the_counters_move_with_the_chunks(chunks: ChunkStore, jobs: JobStore, job: Job) -> None:
    for upto in range(4):
        returned = await finish(chunks, job, DONE[upto : upto + 1])

        assert returned == await jobs.get(job.id)
        assert returned.work_us == 77
        await agree(jobs, chunks, job)


async def test_several_chunks_are_finished_at_once(chunks: ChunkStore, jobs: JobStore, job: Job) -> None:
    returned = await finish(chunks, job, DONE[:3])

    assert (returned.chunks_done, returned.characters_done, returned.samples, returned.last_seq) == (3, 31, 5000, 4)
    third = (await chunks.list(job))[2]
    assert (third.state, third.attempts, third.seed, third.finish_reason) == ("done", 2, 1002, "stop")
    assert (third.start_sample, third.end_sample, third.last_seq) == (100, 5000, 4)
    await agree(jobs, chunks, job)


async def test_finishing_does_not_touch_another_job(chunks: ChunkStore, jobs: JobStore, job: Job) -> None:
    other = await in_state(jobs, JobStatus.RUNNING)
    await chunks.plan(other, PLAN)
    before = await jobs.get(other.id)

    await finish(chunks, job, DONE)

    assert await jobs.get(other.id) == before
    assert await chunks.list(other) == PLAN


@pytest.mark.parametrize("first", range(5))
async def test_chunks_that_are_taken_back_are_pending_and_no_longer_counted(
    chunks: ChunkStore, jobs: JobStore, job: Job, first: int
) -> None:
    await finish(chunks, job, DONE)

    reopened = await chunks.reopen(job, first=first)

    assert reopened == await jobs.get(job.id)
    assert reopened.chunks_done == first
    parts = await chunks.list(job)
    assert [part.state for part in parts] == ["done"] * first + ["pending"] * (4 - first)
    assert all(part.end_sample is None and part.last_seq is None for part in parts[first:])
    assert [part.attempts for part in parts] == [0, 0, 2, 0], "or it would be spoken with another seed"
    await agree(jobs, chunks, job)
    await finish(chunks, job, DONE[first:] or DONE[:0] or DONE[3:]) if first < 4 else None
    await agree(jobs, chunks, job)


async def test_a_full_disk_keeps_all_of_a_plan_or_none(
    chunks: ChunkStore, jobs: JobStore, database: Database
) -> None:
    made = await in_state(jobs, JobStatus.RUNNING)
    await scalar(database, f"PRAGMA max_page_count={await scalar(database, 'PRAGMA page_count')}")

    with pytest.raises(StorageFailed):
        await chunks.plan(made, plan_of(*range(1, 20_000)))

    assert await chunks.list(made) == []
    assert (await jobs.get(made.id)).chunks_total is None


async def test_a_text_that_is_still_written_grows_with_its_chunks(jobs: JobStore, chunks: ChunkStore) -> None:
    job = await added(jobs, text="", chunks_total=0, title="灯")
    first, second = plan_of(6, 11)

    assert await chunks.extend(job, "One.  ", [first])
    assert await chunks.extend(job, "灯火です。", [second])

    row = await jobs.get(job.id)
    assert (row.characters, row.chunks_total, await jobs.text(row)) == (11, 2, "One.  灯火です。")
    assert await chunks.list(job) == [first, second]


async def test_a_job_that_has_ended_takes_no_more_text(jobs: JobStore, chunks: ChunkStore) -> None:
    job = await in_state(jobs, JobStatus.CANCELED, text="", chunks_total=0)

    assert not await chunks.extend(job, "One.", plan_of(4))

    assert (await jobs.text(job), await chunks.list(job)) == ("", [])
