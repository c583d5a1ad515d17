"""Waiting for work that must not be abandoned halfway, and for tasks that are ended."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

Result = TypeVar("Result")


async def wait_uncancelled(work: Awaitable[Result]) -> Result:
    """Wait until the work is done, even when canceled meanwhile, any number of times.

    The work is never canceled by that. The cancellation is raised afterwards, and then nothing else: neither the
    result nor the failure of the work.
    """
    task = asyncio.ensure_future(work)
    canceled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            canceled = error
    if canceled is None:
        return task.result()
    if not task.cancelled():
        task.exception()  # retrieved, or asyncio would complain that it never was
    raise canceled


async def end_task(task: "asyncio.Task[Any]") -> None:
    """Cancel a task and wait until it has ended. Raises what it failed with.

    A cancellation of the caller is raised afterwards, as by `wait_uncancelled`: to suppress what awaiting the task
    raises would suppress that, too, and the caller would go on for ever.
    """
    task.cancel()
    try:
        await wait_uncancelled(asyncio.wait({task}))
    finally:
        failure = None if task.cancelled() else task.exception()
    if failure is not None:
        raise failure
