"""Jobs: every change of state compares before it sets, and nothing of a job outlives it."""

import asyncio

import pytest
from sqlalchemy import text

from app.errors import IdempotencyConflict, JobNotFound, StorageFailed
from app.inference.model import Lane
from app.store.chunks import ChunkStore
from app.store.database import Database
from app.store.history import History
from app.store.jobs import JobStore
from app.store.rows import FINAL, Artifact, Changes, HistoryFilter, Job, JobStatus, Settings
from tests.store.samples import ERROR, added, in_state, new_job, plan_of, row_counts, scalar

pytestmark = pytest.mark.anyio

WAV = Artifact(format="wav", file_name="audio.wav", bytes=80, samples=0)

Q, R, P = JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.PAUSED
C, F, X = JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELED


async def test_a_job_comes_back_as_it_was_submitted(jobs: JobStore) -> None:
    settings = Settings(rate=1.5, pitch=0.5, volume=2.0, max_chars=100)
    new = new_job(settings=settings, title="Title", tags=["b", "a"], seed=2**53 - 1, text="Ünï 👍🏽")

    job, fresh = await jobs.add(new)

    assert fresh
    assert (job.status, job.settings, job.title, job.tags) == (Q, settings, "Title", ["b", "a"])
    assert (job.seed, job.characters, job.error, job.warnings) == (2**53 - 1, 6, None, [])
    assert (job.chunks_total, job.chunks_done, job.samples, job.started_at, job.finished_at) == (
        None,
        0,
        0,
        None,
        None,
    )
    assert await jobs.get(job.id) == job
    assert await jobs.text(job) == new.text


async def test_a_job_that_is_not_there_is_not_found(jobs: JobStore) -> None:
    with pytest.raises(JobNotFound):
        await jobs.get("nobody")


@pytest.mark.parametrize("status", list(JobStatus))
async def test_a_claim_takes_queued_jobs_and_no_others(jobs: JobStore, status: JobStatus) -> None:
    job = await in_state(jobs, status)

    claimed = await jobs.claim(Lane.RENDER)

    assert (claimed is not None) == (status is Q)
    assert (await jobs.get(job.id)).status == (R if status is Q else status)


@pytest.mark.parametrize(
    ("before", "to"),
    [
        ((Q, P), X),  # cancel
        ((Q,), P),  # pause
        ((P,), Q),  # resume
        ((F, X), Q),  # retry
        ((R,), F),
        ((R,), X),
        ((R,), P),
        ((R,), Q),
    ],
)
async def test_a_move_happens_from_the_states_it_names_and_from_no_other(
    jobs: JobStore, before: tuple[JobStatus, ...], to: JobStatus
) -> None:
    for status in JobStatus:
        job = await in_state(jobs, status)
        other = await in_state(jobs, status)

        moved = await jobs.move(job, before=before, to=to, changes=Changes(finished_at=5))

        after = await jobs.get(job.id)
        if status in before:
            assert moved == after
            assert (after.status, after.finished_at) == (to, 5)
        else:
            assert moved is None
            assert after == job
        assert await jobs.get(other.id) == other


@pytest.mark.parametrize("status", list(JobStatus))
async def test_only_a_running_job_is_completed(jobs: JobStore, status: JobStatus) -> None:
    job = await in_state(jobs, status)

    done = await jobs.complete(job, [WAV], Changes(finished_at=7))

    after = await jobs.get(job.id)
    if status is R:
        assert done == after
        assert (after.status, after.finished_at) == (C, 7)
        assert await jobs.artifact(job, "wav") == WAV
    else:
        assert done is None
        assert after == job
        assert await jobs.artifact(job, "wav") is None


@pytest.mark.parametrize("status", list(JobStatus))
async def test_only_a_final_job_is_deleted(jobs: JobStore, status: JobStatus) -> None:
    job = await in_state(jobs, status)

    assert await jobs.delete(job) == (status in FINAL)

    assert await jobs.known([job.id]) == (set() if status in FINAL else {job.id})


async def test_unset_changes_leave_their_columns_and_null_clears_them(jobs: JobStore) -> None:
    job = await in_state(jobs, R)
    failed = await jobs.move(job, before=[R], to=F, changes=Changes(error=ERROR, finished_at=3))
    assert failed is not None
    assert (failed.error, failed.finished_at) == (ERROR, 3)

    same = await jobs.move(job, before=[F], to=Q, changes=Changes())
    cleared = await jobs.move(job, before=[Q], to=Q, changes=Changes(error=None, finished_at=None))

    assert same is not None
    assert cleared is not None
    assert (same.error, same.finished_at) == (ERROR, 3)
    assert (cleared.error, cleared.finished_at) == (None, None)


async def test_jobs_of_a_lane_are_claimed_in_the_order_they_came(jobs: JobStore) -> None:
    renders = [await added(jobs, lane=Lane.RENDER) for _ in range(3)]
    speaks = [await added(jobs, lane=Lane.SPEAK) for _ in range(2)]

    claimed = [await jobs.claim(Lane.RENDER) for _ in range(4)]

    assert [job and job.id for job in claimed] == [*(job.id for job in renders), None]
    assert [(await jobs.get(job.id)).status for job in speaks] == [Q, Q]


async def test_two_claims_at_once_never_get_the_same_job(jobs: JobStore) -> None:
    made = {(await added(jobs)).id for _ in range(20)}

    claimed = await asyncio.gather(*(jobs.claim(Lane.RENDER) for _ in range(30)))

    ids = [job.id for job in claimed if job is not None]
    assert len(ids) == 20
    assert set(ids) == made


async def test_the_first_claim_sets_the_time_of_the_start_and_later_ones_keep_it(jobs: JobStore) -> None:
    job = await added(jobs)
    first = await jobs.claim(Lane.RENDER)
    assert first is not None
    assert first.started_at is not None
    assert first.started_at >= job.created_at
    await jobs.move(job, before=[R], to=Q)

    second = await jobs.claim(Lane.RENDER)

    assert second is not None
    assert second.started_at == first.started_at


async def test_a_job_that_is_queued_again_keeps_its_place(jobs: JobStore) -> None:
    first, second = await added(jobs), await added(jobs)
    await jobs.move(first, before=[Q], to=P)
    await jobs.move(first, before=[P], to=Q)

    claimed = await jobs.claim(Lane.RENDER)

    assert claimed is not None
    assert claimed.id == first.id
    assert await jobs.place(second) == 1


async def test_the_place_counts_what_is_claimed_before(jobs: JobStore) -> None:
    render = await added(jobs, lane=Lane.RENDER)
    listened = await added(jobs, lane=Lane.SPEAK)
    late = await added(jobs, lane=Lane.RENDER)
    later = await added(jobs, lane=Lane.SPEAK)
    await in_state(jobs, P, lane=Lane.SPEAK)
    await in_state(jobs, C)

    places = [await jobs.place(job) for job in (render, listened, late, later)]

    assert places == [3, 1, 4, 2]


async def test_rescue_queues_renders_and_fails_what_had_listeners(jobs: JobStore) -> None:
    made = {(lane, status): await in_state(jobs, status, lane=lane) for lane in Lane for status in JobStatus}

    assert await jobs.rescue(ERROR) == (1, 3)

    after = {key: await jobs.get(job.id) for key, job in made.items()}
    for (lane, status), job in after.items():
        if lane is Lane.SPEAK and status not in FINAL:
            assert job.status is F
            assert job.error == ERROR
            assert job.finished_at is not None
        elif status is R:
            assert job.status is Q
        else:
            assert job == made[lane, status]
    assert await jobs.rescue(ERROR) == (0, 0)
    assert {key: await jobs.get(job.id) for key, job in made.items()} == after


async def test_a_rescued_render_keeps_what_it_has_done(jobs: JobStore, chunks: ChunkStore) -> None:
    job = await in_state(jobs, R)
    await chunks.plan(job, plan_of(10, 17))
    before = await jobs.get(job.id)

    await jobs.rescue(ERROR)

    after = await jobs.get(job.id)
    assert (after.chunks_total, after.started_at) == (before.chunks_total, before.started_at)
    assert len(await chunks.list(after)) == 2


async def test_the_same_id_again_gives_the_same_job(jobs: JobStore, database: Database) -> None:
    new = new_job()
    first, _ = await jobs.add(new)
    await jobs.claim(Lane.RENDER)

    again, fresh = await jobs.add(new)

    assert not fresh
    assert again.seq == first.seq
    assert again.status is R
    assert (await row_counts(database))["jobs"] == 1


async def test_the_same_key_again_gives_the_job_it_made(jobs: JobStore) -> None:
    first, _ = await jobs.add(new_job(idempotency_key="key"))

    again, fresh = await jobs.add(new_job(idempotency_key="key"))
    other, other_fresh = await jobs.add(new_job(idempotency_key="other"))

    assert (again.id, fresh) == (first.id, False)
    assert other_fresh
    assert other.id != first.id


@pytest.mark.parametrize("by", ["id", "idempotency_key"])
async def test_the_same_id_or_key_for_another_request_is_a_conflict(
    jobs: JobStore, database: Database, by: str
) -> None:
    job, _ = await jobs.add(new_job(**{by: "mine"}))
    before = await row_counts(database)

    with pytest.raises(IdempotencyConflict) as raised:
        await jobs.add(new_job(**{by: "mine"}, request_sha256="another"))

    assert raised.value.details == {"job_id": job.id}
    assert await row_counts(database) == before


async def test_jobs_without_a_key_do_not_repeat_each_other(jobs: JobStore) -> None:
    made = [await jobs.add(new_job(idempotency_key=None)) for _ in range(3)]

    assert all(fresh for _, fresh in made)


async def test_many_at_once_with_one_key_make_one_job(jobs: JobStore, database: Database) -> None:
    made = await asyncio.gather(*(jobs.add(new_job(idempotency_key="key")) for _ in range(20)))

    assert len({job.id for job, _ in made}) == 1
    assert sum(fresh for _, fresh in made) == 1
    assert (await row_counts(database))["jobs"] == 1


async def test_a_key_is_free_again_when_its_job_is_deleted(jobs: JobStore) -> None:
    job, _ = await jobs.add(new_job(idempotency_key="key"))
    await jobs.move(job, before=[Q], to=X)
    await jobs.delete(job)

    again, fresh = await jobs.add(new_job(idempotency_key="key", request_sha256="another"))

    assert fresh
    assert again.seq > job.seq


async def test_a_key_that_is_released_is_free_for_another_job(jobs: JobStore) -> None:
    job, _ = await jobs.add(new_job(idempotency_key="key"))
    await jobs.release_key(job)

    again, fresh = await jobs.add(new_job(idempotency_key="key", request_sha256="another"))
    assert fresh
    assert again.id != job.id
    assert await jobs.get(job.id) == job


async def test_deleting_a_job_deletes_everything_of_it_and_nothing_of_others(
    jobs: JobStore, chunks: ChunkStore, history: History, database: Database
) -> None:
    async def full(words: str) -> Job:
        job = await in_state(jobs, R, text=words, tags=["one", "two"], title=words)
        await chunks.plan(job, plan_of(3, 6))
        completed = await jobs.complete(job, [WAV], Changes(finished_at=1))
        assert completed is not None
        return completed

    gone, stays = await full("forgotten"), await full("remembered")
    await full("the newest, so that its number is not used again by chance")

    assert await jobs.delete(gone)

    assert await row_counts(database) == {
        "jobs": 2, "job_texts": 2, "job_tags": 4, "chunks": 4, "artifacts": 2, "job_search": 2,
    }  # fmt: skip
    assert (await history.page(HistoryFilter(text="forgotten"), after=None, limit=9))[0] == []
    found, _ = await history.page(HistoryFilter(text="remembered"), after=None, limit=9)
    assert found == [stays]
    assert await jobs.artifact(stays, "wav") == WAV
    assert len(await chunks.list(stays)) == 2
    with pytest.raises(JobNotFound):
        await jobs.get(gone.id)
    assert not await jobs.delete(gone)


async def test_a_number_is_never_given_twice(jobs: JobStore) -> None:
    job = await in_state(jobs, X)
    await jobs.delete(job)

    assert (await added(jobs)).seq > job.seq


async def test_known_tells_which_ids_have_rows_however_many_are_asked(jobs: JobStore) -> None:
    made = {(await added(jobs)).id for _ in range(3)}

    assert await jobs.known([*(f"no{number}" for number in range(1200)), *made]) == made


async def test_counts_tell_what_waits_and_what_runs(jobs: JobStore) -> None:
    assert await jobs.counts() == {"queued": 0, "running": 0}
    for status in (Q, Q, R, P, C, F, X):
        await in_state(jobs, status)

    assert await jobs.counts() == {"queued": 2, "running": 1}


async def test_completing_again_replaces_the_row_of_the_file(jobs: JobStore) -> None:
    job = await in_state(jobs, R)
    await jobs.complete(job, [WAV], Changes(finished_at=1))
    await jobs.move(job, before=[C], to=R)
    longer = Artifact(format="wav", file_name="audio.wav", bytes=180, samples=50)

    await jobs.complete(job, [longer], Changes(finished_at=2))

    assert await jobs.artifact(job, "wav") == longer


async def test_a_full_disk_completes_neither_the_row_nor_the_file(jobs: JobStore, database: Database) -> None:
    job = await in_state(jobs, R)
    await scalar(database, f"PRAGMA max_page_count={await scalar(database, 'PRAGMA page_count')}")
    huge = Artifact(format="wav", file_name="x" * 100_000, bytes=1, samples=1)

    with pytest.raises(StorageFailed):
        await jobs.complete(job, [huge], Changes(finished_at=1))

    assert (await jobs.get(job.id)).status is R
    assert await jobs.artifact(job, "wav") is None


async def test_a_claim_asks_the_index_of_the_queue(jobs: JobStore, database: Database) -> None:
    await added(jobs)

    async with database.transaction() as connection:
        plan = await connection.execute(
            text(
                "EXPLAIN QUERY PLAN SELECT seq FROM jobs"
                " WHERE lane = 'render' AND status = 'queued' ORDER BY seq LIMIT 1"
            )
        )
        steps = [row.detail for row in plan]

    assert len(steps) == 1
    assert "ix_jobs_queue" in steps[0]
