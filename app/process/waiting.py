"""Waiting for work that must not be abandoned halfway."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

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
