"""Why an active job stops, and what those hear who wait for its end."""

import asyncio

import pytest

from app.errors import StorageFailed
from app.inference.model import Lane
from app.scheduler.active_job import ActiveJob, RunStopped, StopReason
from tests.support.job_runs import job_of

pytestmark = pytest.mark.anyio

ENDS = [StopReason.CANCEL, StopReason.SHUT_DOWN, StopReason.VOICE_GONE]


def active() -> ActiveJob:
    return ActiveJob(job_of(Lane.RENDER))


def test_a_job_that_nobody_stops_goes_on() -> None:
    active().raise_if_stopped()


@pytest.mark.parametrize("end", ENDS)
def test_an_end_overrides_a_pause(end: StopReason) -> None:
    job = active()
    job.stop(StopReason.PAUSE)
    job.stop(end)
    assert job.stop_reason is end


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("later", list(StopReason))
def test_the_first_end_counts(end: StopReason, later: StopReason) -> None:
    job = active()
    job.stop(end)
    job.stop(later)
    assert job.stop_reason is end


def test_a_stop_reaches_the_run() -> None:
    job, stopped = active(), list[bool]()
    job.on_stop(lambda: stopped.append(True))
    job.stop(StopReason.CANCEL)
    assert stopped == [True]
    with pytest.raises(RunStopped):
        job.raise_if_stopped()


async def test_everyone_who_waits_hears_of_the_end() -> None:
    job = active()
    waiting = [asyncio.create_task(job.wait_done()) for _ in range(3)]
    await asyncio.sleep(0)

    job.notify_done()

    async with asyncio.timeout(10):
        await asyncio.gather(*waiting)


async def test_nobody_waits_for_an_end_while_the_disk_is_full() -> None:
    job = active()
    waiting = asyncio.create_task(job.wait_done())
    await asyncio.sleep(0)

    job.notify_blocked(StorageFailed())
    with pytest.raises(StorageFailed):
        await waiting

    job.notify_done()
    await job.wait_done()
