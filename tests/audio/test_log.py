"""What subscribers of a log get: everything, in order, whenever they come and however slowly they read."""

import asyncio
import gc
import os
import sys
import threading
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest

from app.audio.log import log as log_module
from app.audio.log.log import BATCH_BYTES, AudioLog, LogEvent
from app.audio.log.log_file import LogFile
from app.audio.log.logs import AudioLogs
from app.errors import StorageFailed
from app.events import AudioChunk, JobCanceled, JobDone, JobProgress, JobStarted, Progress

pytestmark = pytest.mark.anyio

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

DONE = JobDone(job_id="job")


def pcm(number: int, size: int = 100) -> bytes:
    return number.to_bytes(4, "big") * (size // 4)


def progress(done: int) -> JobProgress:
    return JobProgress(
        job_id="job",
        progress=Progress(
            chunks_done=done,
            chunks_total=9,
            characters_done=0,
            characters_total=0,
            audio_seconds=0.0,
            work_seconds=0.0,
            real_time_factor=None,
            seconds_left=None,
        ),
    )


@pytest.fixture
async def logs(tmp_path: Path) -> AsyncGenerator[AudioLogs]:
    made = AudioLogs(tmp_path)
    yield made
    made.close()


@pytest.fixture
async def log(logs: AudioLogs) -> AsyncGenerator[AudioLog]:
    async with logs.use("job") as used:
        yield used


async def write(log: AudioLog, *numbers: int, show: bool = True) -> None:
    end = await log.append(numbers[0], 0, 1, [pcm(number) for number in numbers])
    if show:
        log.show(end)


async def heard(log: AudioLog, after_seq: int = 0) -> list[LogEvent]:
    """Everything until the end."""
    with anyio.fail_after(20):
        return [event async for event in log.follow(after_seq)]


def audio(events: Sequence[LogEvent]) -> list[tuple[int, bytes]]:
    return [(event.seq, event.audio.data_base64) for event in events if isinstance(event, AudioChunk)]


def numbered(*numbers: int) -> list[tuple[int, bytes]]:
    return [(number, pcm(number)) for number in numbers]


async def settle() -> None:
    """Let everybody who can go on do so."""
    for _ in range(20):
        await anyio.lowlevel.checkpoint()


async def test_a_follower_that_was_there_before_the_start_gets_everything(log: AudioLog) -> None:
    follower = asyncio.create_task(heard(log))
    await settle()

    log.start()
    await settle()
    await write(log, 1, 2)
    await write(log, 3)
    log.close_with(DONE)

    events = await follower
    assert events[0] == JobStarted(job_id="job")
    assert audio(events) == numbered(1, 2, 3)
    assert events[-1] == DONE
    assert len(events) == 5


@pytest.mark.parametrize("when", ["in the middle", "at the end", "in another process"])
async def test_a_follower_that_comes_later_gets_the_same(log: AudioLog, logs: AudioLogs, when: str) -> None:
    log.start()
    await write(log, *range(1, 30))
    follower = asyncio.create_task(heard(log))
    if when == "in the middle":
        await settle()
    await write(log, 30, 31)
    log.close_with(DONE)

    if when == "in another process":
        again = AudioLogs(logs.folder("job").parent)
        async with again.use("job") as fresh:
            fresh.show((await fresh.end()).records)
            fresh.close_with(DONE)
            events = await heard(fresh)
        again.close()
    else:
        events = await heard(log) if when == "at the end" else await follower

    assert events == await follower
    assert audio(events) == numbered(*range(1, 32))
    assert [type(events[0]), events[-1]] == [JobStarted, DONE]


@pytest.mark.parametrize("after_seq", [1, 4, 29, 30])
async def test_a_follower_goes_on_after_what_it_has(log: AudioLog, after_seq: int) -> None:
    log.start()
    await write(log, *range(1, 31))
    log.close_with(DONE)

    events = await heard(log, after_seq)

    assert audio(events) == numbered(*range(after_seq + 1, 31))
    assert events[-1] == DONE
    assert not any(isinstance(event, JobStarted) for event in events)


async def test_a_follower_that_has_more_than_there_is_waits_for_what_comes(log: AudioLog) -> None:
    follower = asyncio.create_task(heard(log, 2))
    await write(log, 1)
    await settle()
    assert not follower.done()

    await write(log, 2)
    await write(log, 3)
    log.close_with(DONE)

    assert audio(await follower) == numbered(3)


async def test_nothing_is_seen_before_it_is_shown(log: AudioLog) -> None:
    events: list[LogEvent] = []

    async def listen() -> None:
        async for event in log.follow(0):
            events.append(event)

    follower = asyncio.create_task(listen())
    await write(log, 1, 2, show=False)
    await settle()
    assert events == []

    log.show(1)
    await settle()
    assert audio(events) == numbered(1)
    log.show(0)
    assert log.published == 1
    log.show(2)
    log.close_with(DONE)
    await follower
    assert audio(events) == numbered(1, 2)


async def test_what_was_cut_is_not_heard_but_what_came_in_its_place(log: AudioLog) -> None:
    log.start()
    await write(log, 1, 2)
    await write(log, 77, 78, 79, show=False)

    await log.cut(2)
    await write(log, 3, 4)
    log.close_with(DONE)

    assert audio(await heard(log)) == numbered(1, 2, 3, 4)
    assert (await log.end()).records == 4


async def test_a_job_without_audio_has_just_its_end(log: AudioLog) -> None:
    log.close_with(JobCanceled(job_id="job"))

    assert await heard(log) == [JobCanceled(job_id="job")]


async def test_progress_is_reported_when_a_follower_has_caught_up_and_only_the_latest(log: AudioLog) -> None:
    log.start()
    follower = log.follow(0)
    assert await anext(follower) == JobStarted(job_id="job")
    await write(log, 1, 2)
    for done in range(5):
        log.notify(progress(done))

    assert audio([await anext(follower), await anext(follower)]) == numbered(1, 2)
    assert await anext(follower) == progress(4)
    log.notify(progress(5))
    log.notify(progress(6))
    assert await anext(follower) == progress(6)
    log.close_with(DONE)
    assert await anext(follower) == DONE
    assert [event async for event in follower] == []


async def test_a_job_that_goes_on_after_all_has_followers_again(log: AudioLog) -> None:
    log.start()
    await write(log, 1)
    log.close_with(JobCanceled(job_id="job"))
    assert (await heard(log))[-1] == JobCanceled(job_id="job")

    log.reopen()
    follower = asyncio.create_task(heard(log, 1))
    await settle()
    await write(log, 2)
    log.close_with(DONE)

    events = await follower
    assert audio(events) == numbered(2)
    assert events[-1] == DONE


async def test_when_the_engine_stops_followers_end_without_a_final_event(log: AudioLog, logs: AudioLogs) -> None:
    log.start()
    await write(log, 1)
    followers = [asyncio.create_task(heard(log, after)) for after in (0, 1, 5)]
    await settle()

    logs.cut_off()

    waiting, caught_up, ahead = [await follower for follower in followers]
    assert audio(waiting) == numbered(1)
    assert caught_up == ahead == []
    async with logs.use("another") as late:
        assert await heard(late) == []


async def test_a_hundred_followers_get_everything_in_order(log: AudioLog) -> None:
    followers: list[asyncio.Task[list[LogEvent]]] = []
    log.start()
    for number in range(1, 101):
        followers.append(asyncio.create_task(heard(log)))
        await write(log, number)
    log.close_with(DONE)

    for follower in followers:
        events = await follower
        assert audio(events) == numbered(*range(1, 101))
        assert events[-1] == DONE


async def test_a_follower_that_stops_reading_holds_no_more_than_a_batch(
    log: AudioLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    file_read = LogFile.read

    def note(self: LogFile, after_seq: int, **bounds: int) -> Any:
        found = file_read(self, after_seq, **bounds)
        read.append(sum(len(record.pcm) for record in found))
        return found

    monkeypatch.setattr(LogFile, "read", note)
    size = 10_000
    log.start()
    for number in range(1, 301):
        log.show(await log.append(0, 0, 1, [pcm(number, size)]))
    follower = log.follow(0)
    for _ in range(2):
        await anext(follower)

    for number in range(301, 501):
        log.show(await log.append(0, 0, 1, [pcm(number, size)]))
    gc.collect()
    held = sum(1 for thing in gc.get_objects() if isinstance(thing, log_module.Record) and len(thing.pcm) == size)

    assert read
    assert max(read) <= BATCH_BYTES
    assert held <= BATCH_BYTES // size + log_module.KEPT_RECORDS + 2
    log.close_with(DONE)
    rest = [event async for event in follower]
    assert [seq for seq, _ in audio(rest)] == list(range(2, 501))


async def test_followers_that_keep_up_cost_no_reads(log: AudioLog, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a live follower read the file")

    monkeypatch.setattr(LogFile, "read", refuse)
    log.start()
    follower = log.follow(0)
    await anext(follower)
    for number in range(1, 60):
        await write(log, number)

        event = await anext(follower)

        assert audio([event]) == numbered(number)
    await follower.aclose()


async def test_a_log_lives_for_as_long_as_somebody_uses_it(logs: AudioLogs) -> None:
    assert logs.live("job") is None
    async with logs.use("job") as first:
        async with logs.use("job") as second:
            assert first is second
        assert logs.live("job") is first
        await write(first, 1)
    assert logs.live("job") is None

    async with logs.use("job") as third:
        assert third is not first
        assert (await third.end()).records == 1


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@linux
async def test_opening_and_closing_logs_leaks_no_files(logs: AudioLogs) -> None:
    async with logs.use("warm") as log:
        await write(log, 1)
    before = open_files()

    for number in range(50):
        async with logs.use(f"job {number % 7}") as log, logs.use("other"):
            await write(log, 1)
            log.close_with(DONE)
            await heard(log)
            await log.publish_wav()

    assert open_files() == before


@linux
async def test_whoever_gives_up_while_a_log_is_being_opened_leaks_no_files(
    logs: AudioLogs, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with logs.use("warm") as log:
        await write(log, 1)
    before = open_files()
    opening, go_on, opened = threading.Event(), threading.Event(), threading.Event()

    def slow(folder: Path, *, create: bool) -> LogFile:
        opening.set()
        assert go_on.wait(10)
        try:
            return LogFile(folder, create=create)
        finally:
            opened.set()

    monkeypatch.setattr(log_module, "LogFile", slow)

    async def ask() -> None:
        async with logs.use("job") as log:
            await log.prepare()

    asking = asyncio.create_task(ask())
    assert await asyncio.to_thread(opening.wait, 10)
    asking.cancel()
    await asyncio.wait({asking})
    go_on.set()
    assert await asyncio.to_thread(opened.wait, 10)
    with anyio.fail_after(10):
        while open_files() > before:
            await anyio.sleep(0.001)


async def test_a_log_that_cannot_be_opened_says_so_and_can_be_tried_again(logs: AudioLogs, tmp_path: Path) -> None:
    (tmp_path / "job").write_text("in the way")
    async with logs.use("job") as log:
        with pytest.raises(StorageFailed):
            await log.end()

        (tmp_path / "job").unlink()

        await write(log, 1)
        assert (await log.end()).records == 1


async def test_a_data_folder_that_has_gone_is_reported_instead_of_looked_for_for_ever(tmp_path: Path) -> None:
    logs = AudioLogs(tmp_path / "gone")
    async with logs.use("job") as log:
        with pytest.raises(StorageFailed), anyio.fail_after(5):
            await log.prepare()
    logs.close()


async def test_a_writer_makes_the_files_that_a_reader_did_not_find(logs: AudioLogs) -> None:
    async with logs.use("job") as log:
        reading, writing = asyncio.create_task(log.end()), asyncio.create_task(log.prepare())
        with anyio.fail_after(5):
            assert (await reading).records == 0
            await writing

        await write(log, 1)
        assert (await log.end()).records == 1


async def test_two_that_open_a_log_at_once_get_one_file(log: AudioLog, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []

    def note(folder: Path, *, create: bool) -> LogFile:
        made.append(folder)
        return LogFile(folder, create=create)

    monkeypatch.setattr(log_module, "LogFile", note)

    await asyncio.gather(*(log.prepare() for _ in range(20)))

    assert len(made) == 1


async def test_the_folders_are_those_of_the_jobs(logs: AudioLogs, tmp_path: Path) -> None:
    for job_id in ("one", "two"):
        async with logs.use(job_id) as log:
            await log.prepare()
    (tmp_path / "a file").touch()

    assert set(logs.folders()) == {"one", "two"}


async def test_a_snapshot_is_the_beginning_of_the_audio_while_it_grows(log: AudioLog) -> None:
    await write(log, 1, 2)
    head, path, offset, size = await log.snapshot(1)
    await write(log, 3)

    assert size == 100
    assert path.read_bytes()[offset : offset + size] == pcm(1)
    assert len(head) == offset == 44
