"""How the engine ends a process that it has started."""

import asyncio
from contextlib import suppress

from app.process.waiting import wait_uncancelled

#: How long a child has to end by itself once its standard input is closed.
GRACE_S = 1.0


async def end(process: asyncio.subprocess.Process) -> None:
    """Close its standard input, which tells it to end, and kill it if it does not.

    It is gone afterwards, even if the caller is canceled meanwhile, and canceled again.
    """
    await wait_uncancelled(_gone(process))


def kill(process: asyncio.subprocess.Process) -> None:
    """End it without asking.

    Not for a process that is about to end by itself: asyncio may miss its exit code then, and complains.
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
    """Wait up to `GRACE_S` for it. Its remaining output is read and dropped: a child that is blocked on writing
    does not see that its standard input is closed, and asyncio would keep the pipe open.
    """
    async with asyncio.timeout(GRACE_S):
        with suppress(OSError):
            await process.communicate()
        await process.wait()
