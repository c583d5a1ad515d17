"""How the engine gets rid of a process that it has started. It does not know what the process is for."""

import asyncio
from contextlib import suppress
from typing import Any

#: How long a child has to end by itself once its standard input is closed.
GRACE_S = 1.0


async def end(process: asyncio.subprocess.Process) -> None:
    """Close its standard input, which is the order to end, and kill it when it does not.

    It is gone afterwards, also when whoever waits for that is canceled, and canceled again.
    """
    await to_the_end(asyncio.ensure_future(_gone(process)))


async def to_the_end(work: asyncio.Future[Any]) -> None:
    """Wait for something, whatever happens; who is canceled meanwhile learns of it afterwards."""
    canceled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait({work})
        except asyncio.CancelledError as error:
            canceled = error
    work.result()
    if canceled is not None:
        raise canceled


def kill(process: asyncio.subprocess.Process) -> None:
    """End it without asking it.

    Not for one that is about to end by itself: asyncio would complain, for it may miss the exit code then.
    """
    with suppress(ProcessLookupError):
        process.kill()


async def _gone(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        await _silent(process)
    except TimeoutError:
        kill(process)
        with suppress(TimeoutError):
            await _silent(process)


async def _silent(process: asyncio.subprocess.Process) -> None:
    """Wait for it, for a while. What it still says is read and dropped: while it waits for somebody to read, it
    does not see that its pipe is closed, and asyncio would keep the pipe open.
    """
    async with asyncio.timeout(GRACE_S):
        with suppress(OSError):
            await process.communicate()
        await process.wait()
