"""What is committed is on the medium: of every chunk's audio, before the row that speaks of it."""

from collections.abc import Sequence
from typing import Any

import pytest

from app.audio.log.log_file import LogFile, Record
from app.inference.model import Lane
from app.store.chunks import ChunkStore
from app.store.jobs import JobStore
from app.store.rows import Artifact, Changes, ChunkDone, Job
from tests.scheduler.room import Room

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("lane", list(Lane))
async def test_audio_is_synced_before_its_row_is_committed(
    room: Room, monkeypatch: pytest.MonkeyPatch, lane: Lane
) -> None:
    unsynced: set[int] = set()
    commits: list[bool] = []
    append, sync, finish = LogFile.append, LogFile.sync, ChunkStore.finish

    def noted_append(file: LogFile, index: int, start: int, end: int, pcms: Sequence[bytes]) -> list[Record]:
        unsynced.add(id(file))
        return append(file, index, start, end, pcms)

    def noted_sync(file: LogFile) -> None:
        sync(file)
        unsynced.discard(id(file))

    async def noted_finish(store: ChunkStore, job: Job, done: Sequence[ChunkDone], **counts: Any) -> Job:
        commits.append(not unsynced)
        return await finish(store, job, done, **counts)

    monkeypatch.setattr(LogFile, "append", noted_append)
    monkeypatch.setattr(LogFile, "sync", noted_sync)
    monkeypatch.setattr(ChunkStore, "finish", noted_finish)

    await room.completed(await room.submit(*(f"Part {number}, which is spoken." for number in range(5)), lane=lane))

    assert commits
    assert all(commits)


async def test_the_file_is_published_before_the_job_is_completed(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    published: list[str] = []
    order: list[bool] = []
    publish, complete = LogFile.publish, JobStore.complete

    def noted_publish(file: LogFile) -> tuple[str, int]:
        made = publish(file)
        published.append(made[0])
        return made

    async def noted_complete(store: JobStore, job: Job, made: Artifact, changes: Changes) -> Job | None:
        order.append(bool(published))
        return await complete(store, job, made, changes)

    monkeypatch.setattr(LogFile, "publish", noted_publish)
    monkeypatch.setattr(JobStore, "complete", noted_complete)

    await room.completed(await room.submit("One sentence is enough."))

    assert order == [True]
