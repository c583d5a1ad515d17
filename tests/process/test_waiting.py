"""Work that must not be abandoned is waited for, and a cancellation comes afterwards."""

import asyncio
from collections.abc import Awaitable

import pytest

from app.process.waiting import end_task, wait_uncancelled

pytestmark = pytest.mark.anyio


async def ending(end: asyncio.Event, error: Exception | None) -> str:
    await end.wait()
    if error is not None:
        raise error
    return "done"


async def canceled_twice(work: Awaitable[str], end: asyncio.Event) -> asyncio.Task[str]:
    """Somebody who waits for the work, is canceled before it ends, and has ended since."""
    waiting = asyncio.create_task(wait_uncancelled(work))
    for _ in range(2):
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.sleep(0)
        assert not waiting.done()
    end.set()
    await asyncio.wait({waiting})
    return waiting


async def test_the_result_or_the_failure_of_the_work_is_the_callers() -> None:
    end = asyncio.Event()
    end.set()

    assert await wait_uncancelled(ending(end, None)) == "done"
    with pytest.raises(ZeroDivisionError):
        await wait_uncancelled(ending(end, ZeroDivisionError()))


@pytest.mark.parametrize("error", [None, ZeroDivisionError()])
async def test_a_cancellation_waits_for_the_work_and_wins_over_what_comes_of_it(error: Exception | None) -> None:
    end = asyncio.Event()
    work = asyncio.ensure_future(ending(end, error))

    waiting = await canceled_twice(work, end)

    assert waiting.cancelled()
    assert work.done()
    assert not work.cancelled()


async def test_work_that_is_canceled_itself_cancels_whoever_waits() -> None:
    work = asyncio.ensure_future(ending(asyncio.Event(), None))
    waiting = asyncio.create_task(wait_uncancelled(work))
    await asyncio.sleep(0)

    work.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting


async def endless() -> None:
    await asyncio.Event().wait()


async def test_a_task_that_is_ended_has_ended_and_its_failure_is_the_callers() -> None:
    async def fail() -> None:
        try:
            await endless()
        finally:
            raise ZeroDivisionError

    for work, error in ((endless(), None), (fail(), ZeroDivisionError)):
        task = asyncio.create_task(work)
        await asyncio.sleep(0)

        if error is None:
            await end_task(task)
        else:
            with pytest.raises(error):
                await end_task(task)

        assert task.done()


async def test_whoever_is_canceled_while_a_task_is_ended_is_canceled_once_it_has() -> None:
    """Had the two cancellations been taken for one, the caller would have gone on for ever."""
    gate = asyncio.Event()

    async def end_slowly() -> None:
        try:
            await endless()
        finally:
            await gate.wait()

    task = asyncio.create_task(end_slowly())
    await asyncio.sleep(0)
    caller = asyncio.create_task(end_task(task))
    await asyncio.sleep(0)

    caller.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    gate.set()
    await asyncio.wait({caller})

    assert task.cancelled()
    assert caller.cancelled()
