"""Before a job is spoken: one plan for ever, and a log that agrees with its rows."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from app.audio.log.logs import AudioLogs
from app.inference.model import Lane
from app.scheduler.plan import LONG_TEXT, plan_chunks, reconcile
from app.store.chunks import ChunkStore
from app.store.database import Database
from app.store.jobs import JobStore
from app.store.rows import Job, JobStatus, Settings
from tests.store.samples import done, in_state, plan_of

pytestmark = pytest.mark.anyio

PCM = b"\1\2" * 50


@pytest.fixture
async def database(tmp_path: Path) -> AsyncGenerator[Database]:
    opened = await Database.open(tmp_path / "q3tts.db")
    yield opened
    await opened.close()


@pytest.fixture
def jobs(database: Database) -> JobStore:
    return JobStore(database)


@pytest.fixture
def chunks(database: Database) -> ChunkStore:
    return ChunkStore(database)


@pytest.fixture
async def logs(tmp_path: Path) -> AsyncGenerator[AudioLogs]:
    made = AudioLogs(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("repeats", [1, 2 * LONG_TEXT // 30])
async def test_a_plan_covers_the_text_and_is_kept(jobs: JobStore, chunks: ChunkStore, repeats: int) -> None:
    text = "A sentence of thirty letters.  " * repeats
    job = await in_state(jobs, JobStatus.RUNNING, text=text, settings=Settings(max_chars=100))

    plan = await plan_chunks(job, text, chunks)

    assert [part.start_char for part in plan] == [0, *(part.end_char for part in plan[:-1])]
    assert plan[-1].end_char == len(text)
    assert await chunks.list(job) == plan
    assert (await jobs.get(job.id)).chunks_total == len(plan)


async def test_a_plan_that_was_made_is_never_made_again(jobs: JobStore, chunks: ChunkStore) -> None:
    job = await in_state(jobs, JobStatus.RUNNING, text="One. Two. Three.")
    await chunks.plan(job, plan_of(3, 16))  # as another version of the chunker might have cut it

    plan = await plan_chunks(await jobs.get(job.id), "One. Two. Three.", chunks)

    assert [part.end_char for part in plan] == [3, 16]


async def half_done(jobs: JobStore, chunks: ChunkStore, lane: Lane) -> Job:
    """Two of three chunks are committed: 2 records and 3 records of 50 samples."""
    job = await in_state(jobs, JobStatus.RUNNING, lane=lane, text="x" * 30)
    await chunks.plan(job, plan_of(10, 20, 30))
    parts = [done(0, samples=(0, 100), last_seq=2), done(1, samples=(100, 250), last_seq=5)]
    await chunks.finish(job, parts, characters=20, work_us=1)
    return await jobs.get(job.id)


@pytest.mark.parametrize("lane", list(Lane))
@pytest.mark.parametrize(
    ("records", "chunks_done", "speak_keeps", "render_keeps"),
    [
        (5, 2, 5, 5),  # as the rows say
        (7, 2, 7, 5),  # ahead: a listener has heard it, of a render nobody has
        (4, 1, 4, 2),  # too few, by a fault of the disk
        (2, 1, 2, 2),
        (1, 0, 1, 0),
        (0, 0, 0, 0),
    ],
)
async def test_log_and_rows_agree_afterwards(
    jobs: JobStore,
    chunks: ChunkStore,
    logs: AudioLogs,
    lane: Lane,
    records: int,
    chunks_done: int,
    speak_keeps: int,
    render_keeps: int,
) -> None:
    job = await half_done(jobs, chunks, lane)
    async with logs.use(job.id) as log:
        if records:
            await log.append(0, 0, 1, [PCM] * records)

        after, plan = await reconcile(job, await chunks.list(job), log, chunks)

        kept = speak_keeps if lane is Lane.SPEAK else render_keeps
        assert after == await jobs.get(job.id)
        assert plan == await chunks.list(job), "the chunks, too, as they are then"
        assert after.chunks_done == chunks_done
        assert after.last_seq == [0, 2, 5][chunks_done]
        assert after.samples == [0, 100, 250][chunks_done]
        assert after.characters_done == 10 * chunks_done
        assert (await log.end()).records == log.published == kept
        assert [part.state for part in await chunks.list(job)] == ["done"] * chunks_done + ["pending"] * (
            3 - chunks_done
        )
