"""Whatever pauses, cancels, restarts and dying workers come: no job is lost, and what is completed is whole."""

import asyncio
import os
import random
import signal
from collections.abc import Sequence
from contextlib import suppress

import anyio
import pytest

from app.errors import JobNotFound, WrongState
from app.events import FinalEvent, JobCanceled, JobDone, JobError
from app.inference.model import Lane
from app.store.rows import FINAL, ChunkRow, Job, JobStatus
from tests.scheduler.recorder import RECORD
from tests.scheduler.room import OpenRoom, Room, audio_of, chunk_pcm

pytestmark = [pytest.mark.anyio, pytest.mark.long]

ENDS = {JobStatus.COMPLETED: JobDone, JobStatus.FAILED: JobError, JobStatus.CANCELED: JobCanceled}


def kill(worker_pid: int) -> None:
    """It may have been killed a moment ago, and its supervisor has not seen that yet."""
    with suppress(ProcessLookupError):
        os.kill(worker_pid, signal.SIGKILL)


class Schedule:
    """Draws operations and remembers what each job was submitted as."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.lanes: dict[str, str] = {}
        self.deleted: set[str] = set()
        self.poisons = 0

    def text(self) -> list[str]:
        kind = self.random.random()
        parts = [
            f"Paragraph {number} of {len(self.lanes)}, which is as long as it has to be."
            for number in range(self.random.randint(1, 6))
        ]
        if kind < 0.1:
            parts[self.random.randrange(len(parts))] += " [error]"
        elif kind < 0.2:
            self.poisons += 1
            parts[self.random.randrange(len(parts))] += f" [die:poison{self.poisons}]"
        elif kind < 0.3:
            self.poisons += 1
            parts[self.random.randrange(len(parts))] += f" [length:limit{self.poisons}]"
        elif kind < 0.4:
            parts[0] += " [long]"
        return parts

    async def step(self, room: Room) -> None:
        """One operation on one job, at a moment that is as good as any."""
        for _ in range(self.random.choice((0, 1, 3, 10, 40))):
            await anyio.lowlevel.checkpoint()
        what = self.random.choice(
            ("submit", "submit", "pause", "cancel", "retry", "resume", "resume", "delete", "kill")
        )
        if what == "submit" or not self.lanes:
            lane = self.random.choice(list(Lane))
            job_id = await room.submit(*self.text(), lane=lane, seed=self.random.randrange(2**53))
            self.lanes[job_id] = lane
        elif what == "kill":
            pid = room.worker_pid
            if pid is not None and self.random.random() < 0.3:
                kill(pid)
        else:
            job_id = self.random.choice(list(self.lanes))
            if what == "delete" and self.random.random() < 0.7:
                return
            try:
                await getattr(room.parts.jobs if what == "delete" else room.parts.scheduler, what)(job_id)
            except WrongState:
                pass
            except JobNotFound:
                assert job_id in self.deleted
            else:
                if what == "delete":
                    self.deleted.add(job_id)


async def at_rest(room: Room, schedule: Schedule) -> list[Job]:
    """Resume what is paused, and wait for the end of everything."""
    ended: list[Job] = []
    for job_id in schedule.lanes.keys() - schedule.deleted:
        job = await room.job(job_id)
        if job.status is JobStatus.PAUSED:
            await room.parts.scheduler.resume(job_id)
        ended.append(await room.ended(job_id))
    return ended


async def says_every_chunk(room: Room, job: Job, parts: Sequence[ChunkRow], heard: bytes) -> None:
    """Of takes that were refused the listener has heard something, too; each chunk is whole after that."""
    text = await room.parts.stores.jobs.text(job)
    for part in parts[: job.chunks_done]:
        assert chunk_pcm(job, text, part) in heard[2 * (part.start_sample or 0) : 2 * (part.end_sample or 0)]


async def holds(room: Room, schedule: Schedule, jobs: Sequence[Job]) -> None:
    """What must be true of jobs that are final, whatever has happened to them."""
    assert {job.id for job in jobs} == schedule.lanes.keys() - schedule.deleted, "no job is lost"
    for job in jobs:
        parts = await room.parts.stores.chunks.list(job)
        events = await room.events(job.id)
        assert isinstance(events[-1], ENDS[job.status])
        assert sum(isinstance(event, FinalEvent) for event in events) == 1
        assert job.finished_at is not None
        assert (job.error is not None) == (job.status is JobStatus.FAILED)
        assert job.chunks_done == sum(part.state == "done" for part in parts)
        heard = audio_of(events)
        if job.status is JobStatus.COMPLETED:
            assert job.chunks_done == job.chunks_total
            assert job.characters_done == job.characters
            assert heard == await room.wav(job.id)
        if job.lane is Lane.SPEAK and any(part.attempts for part in parts):
            await says_every_chunk(room, job, parts, heard)
            continue
        committed = await room.expected(job.id)
        assert len(committed) == 2 * job.samples
        if job.lane is Lane.RENDER or job.status is JobStatus.COMPLETED:
            assert heard == committed
        else:
            assert heard.startswith(committed)
    assert await room.parts.stores.jobs.counts() == {"queued": 0, "running": 0}


@pytest.mark.parametrize("seed", [1, 2])
async def test_two_hundred_random_operations_lose_nothing(open_room: OpenRoom, seed: int) -> None:
    schedule = Schedule(seed)
    async with open_room() as room:
        for _ in range(200):
            await schedule.step(room)

        jobs = await at_rest(room, schedule)

        await holds(room, schedule, jobs)
        folders = await asyncio.to_thread(os.listdir, room.control.parent / "data" / "jobs")
        assert set(folders) <= schedule.lanes.keys() - schedule.deleted


@pytest.mark.parametrize("seed", [3])
async def test_restarts_in_the_middle_of_random_operations_lose_nothing(open_room: OpenRoom, seed: int) -> None:
    schedule = Schedule(seed)
    for _ in range(6):
        async with open_room() as room:
            for _ in range(20):
                await schedule.step(room)

    async with open_room() as room:
        jobs = await at_rest(room, schedule)

        await holds(room, schedule, jobs)
        for job in jobs:
            if job.status is JobStatus.FAILED and job.lane is Lane.RENDER:
                assert job.error is not None
                assert job.error.code == "INFERENCE_FAILED"
    assert ENDS.keys() == FINAL


async def test_a_render_that_is_interrupted_all_the_time_gives_the_same_file(open_room: OpenRoom) -> None:
    """The engine stops, the worker dies, the job is paused: the bytes are those of a run in peace."""
    text = [f"Paragraph {number} says that the sea was calm, and that the lamp was lit." for number in range(24)]
    text[5] += " [length:limit]"
    async with open_room() as room:
        room.release("limit")
        calm = await room.submit(*text, seed=77)
        await room.completed(calm)
        expected = await room.wav(calm)
        disturbed = await room.submit(*text, "[hold:end] The end.", seed=77)
        done = 0
    for turn in range(6):
        async with open_room() as room:
            job = await room.until(
                disturbed, lambda job, done=done: job.chunks_done > done or job.chunks_done >= 20
            )
            done = job.chunks_done
            if turn % 2:
                pid = room.worker_pid
                if pid is not None:
                    kill(pid)
            if turn % 3 == 0 and not job.final:
                await room.parts.scheduler.pause(disturbed)
                await room.parts.scheduler.resume(disturbed)

    async with open_room() as room:
        room.release("end")
        await room.completed(disturbed)
        wav = await room.wav(disturbed)

        assert wav.startswith(expected)
        assert wav == await room.expected(disturbed)
        assert audio_of(await room.events(disturbed)) == wav
        assert (room.control / RECORD).exists()
