"""How runs end: the order of file, row and event, and the state for each reason to stop."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from app.audio.export.formats import encoding
from app.audio.export.job_export import Exports
from app.audio.log.log import AudioLog
from app.audio.log.logs import AudioLogs
from app.errors import InferenceFailed, StorageFailed
from app.events import JobCanceled, JobDone, JobError
from app.inference.model import Lane
from app.scheduler.active_job import ActiveJob, StopReason
from app.scheduler.feed import Feed, FeedEvent
from app.scheduler.finisher import Finisher
from app.store.rows import Artifact, Changes, Job, JobStatus
from tests.support.job_runs import SOUND, job_of

pytestmark = pytest.mark.anyio


class FakeStates:
    """Notes the states, and what there was on disk and among the events when they were written."""

    def __init__(self, folder: Path, events: list[FeedEvent]) -> None:
        self._folder, self._events = folder, events
        self.moved: list[JobStatus] = []
        self.files: list[str] = []
        self.refusals = 0

    async def move(
        self, job: Job, *, before: Iterable[JobStatus], to: JobStatus, changes: Changes | None = None
    ) -> Job | None:
        assert not self._events, "an event came before its row"
        assert list(before) == [JobStatus.RUNNING]
        if self.refusals:
            self.refusals -= 1
            raise StorageFailed
        self.moved.append(to)
        return replace(job, status=to, error=InferenceFailed().body() if to is JobStatus.FAILED else None)

    async def complete(self, job: Job, made: Iterable[Artifact], changes: Changes) -> Job | None:
        assert not self._events, "an event came before its row"
        for each in made:
            file = self._folder / each.file_name
            assert file.stat().st_size == each.bytes, "the row is there before its file"
            self.files.append(file.name)
        return replace(job, status=JobStatus.COMPLETED)


class NotedFeed(Feed):
    def __init__(self) -> None:
        super().__init__()
        self.events: list[FeedEvent] = []

    def publish(self, event: FeedEvent) -> None:
        self.events.append(event)


class Ending:
    def __init__(self, log: AudioLog, states: FakeStates, feed: NotedFeed, finisher: Finisher, lane: Lane) -> None:
        self.log, self.states, self.feed, self.finisher = log, states, feed, finisher
        self.active = ActiveJob(job_of(lane))


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[AudioLogs]:
    made = AudioLogs(tmp_path)
    yield made
    made.close()


@pytest.fixture
def exports() -> Iterator[Exports]:
    made = Exports()
    yield made
    made.close()


@asynccontextmanager
async def ending(logs: AudioLogs, lane: Lane = Lane.RENDER) -> AsyncGenerator[Ending]:
    """A job with one record of audio in its log, about to end."""
    async with logs.use("job") as log:
        await log.prepare()
        await log.append(0, 0, 4, [SOUND])
        feed = NotedFeed()
        states = FakeStates(logs.folder("job"), feed.events)
        yield Ending(log, states, feed, Finisher(states, logs, feed, storage_retry_s=0.001), lane)


async def test_the_files_are_there_before_the_row_and_the_row_before_the_event(
    logs: AudioLogs, exports: Exports
) -> None:
    async with ending(logs) as job:
        export = exports.of(job.log, logs.folder("job"), [encoding("flac")], {}, characters=4)
        await export.prepare()

        await job.finisher.complete(job.active, job.log, export)

        assert job.states.files == ["audio.flac", "audio.wav"]
        assert job.feed.events == [JobDone(job_id="job")]
        async with asyncio.timeout(10):
            assert [event async for event in job.log.follow(0)] == [JobDone(job_id="job")], "followers end with it"
        await export.aclose()


@pytest.mark.parametrize(
    ("lane", "reason", "state", "event"),
    [
        (Lane.SPEAK, StopReason.CANCEL, JobStatus.CANCELED, JobCanceled),
        (Lane.RENDER, StopReason.CANCEL, JobStatus.CANCELED, JobCanceled),
        (Lane.SPEAK, StopReason.VOICE_GONE, JobStatus.FAILED, JobError),
        (Lane.RENDER, StopReason.VOICE_GONE, JobStatus.FAILED, JobError),
        (Lane.SPEAK, StopReason.PAUSE, JobStatus.PAUSED, None),
        (Lane.RENDER, StopReason.PAUSE, JobStatus.PAUSED, None),
        (Lane.SPEAK, StopReason.SHUT_DOWN, JobStatus.FAILED, JobError),
        (Lane.RENDER, StopReason.SHUT_DOWN, JobStatus.QUEUED, None),
    ],
)
async def test_a_stopped_job_ends_as_its_reason_and_its_lane_ask_for(
    logs: AudioLogs, lane: Lane, reason: StopReason, state: JobStatus, event: type | None
) -> None:
    async with ending(logs, lane) as job:
        job.active.stop(reason)

        await job.finisher.stop(job.active, job.log)

        assert job.states.moved == [state]
        assert [type(one) for one in job.feed.events] == ([] if event is None else [event])


async def test_a_render_that_ends_keeps_only_what_was_committed(logs: AudioLogs) -> None:
    async with ending(logs) as job:
        job.active.stop(StopReason.CANCEL)

        await job.finisher.stop(job.active, job.log)

        assert (await job.log.end()).records == 0


async def test_a_listener_that_ends_keeps_what_was_heard(logs: AudioLogs) -> None:
    async with ending(logs, Lane.SPEAK) as job:
        job.log.show(1)
        job.active.stop(StopReason.CANCEL)

        await job.finisher.stop(job.active, job.log)

        assert (await job.log.end()).records == 1


async def test_an_end_that_cannot_be_written_is_tried_again(logs: AudioLogs) -> None:
    async with ending(logs) as job:
        job.states.refusals = 2
        job.active.stop(StopReason.CANCEL)
        waiting = asyncio.create_task(job.active.wait_done())

        await job.finisher.stop(job.active, job.log)

        assert job.states.moved == [JobStatus.CANCELED]
        with pytest.raises(StorageFailed):
            await waiting
