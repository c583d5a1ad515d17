"""The engine's life as a process: it serves until a signal or the end of its lifeline, and is gone soon after,
whatever hangs. It knows nothing of what is served.
"""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from app.config import Config
from app.daemon.binding import Bound
from app.engine.serving import serving
from app.engine.sidecar import watch_lifeline
from app.process.ending import end_within, heed_the_alarm
from app.process.parent import when_gone

#: From the order to stop until the process is gone, whatever hangs.
DRAIN_S = 5.0

logger = logging.getLogger(__name__)


def run(
    config: Config,
    sock: socket.socket,
    *,
    on_ready: Callable[[], None],
    lifeline: bool,
    parent_pid: int | None = None,
    bound: Bound | None = None,
) -> int:
    """Serve until a signal, an order of a client, or the end of standard input where that is the lifeline; the exit
    code. A parent that is named is watched besides: somebody else may hold the other end of standard input.
    """
    return asyncio.run(_run(config, sock, bound, on_ready=on_ready, lifeline=lifeline, parent_pid=parent_pid))


async def _run(
    config: Config,
    sock: socket.socket,
    bound: Bound | None,
    *,
    on_ready: Callable[[], None],
    lifeline: bool,
    parent_pid: int | None,
) -> int:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def order() -> None:
        if not stop.is_set():
            end_within(DRAIN_S, 3)
            stop.set()

    def signaled() -> None:
        if stop.is_set():  # pressed again: now
            os._exit(3)
        order()

    def fail() -> None:
        nonlocal code
        code = 70
        order()

    code = 0
    heed_the_alarm()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, signaled)
    if lifeline:
        watch_lifeline(partial(_end_of_lifeline, loop, order))
    if parent_pid is not None:
        when_gone(parent_pid, partial(_end_of_lifeline, loop, order))
    async with serving(config, sock, bound=bound, on_failure=fail, on_stop=order):
        on_ready()
        await stop.wait()
        logger.info("stopping")
    return code


def _end_of_lifeline(loop: asyncio.AbstractEventLoop, order: Callable[[], None]) -> None:
    """From the thread of the lifeline or of the parent, which ends the process even when the loop hangs."""
    end_within(DRAIN_S, 3)
    with suppress(RuntimeError):  # a loop that is closed needs no more orders
        loop.call_soon_threadsafe(order)
