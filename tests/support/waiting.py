"""Waiting for what another task, thread or process does. Each wait has an end."""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

PATIENCE_S = 60.0
POLL_S = 0.005

Found = TypeVar("Found")


async def until(fact: Callable[[], Found | None]) -> Found:
    """Wait in the event loop until this is true; what it returned then."""
    with anyio.fail_after(PATIENCE_S):
        while not (found := fact()):
            await anyio.sleep(POLL_S)
        return found


async def until_answered(question: Callable[[], Awaitable[Found | None]]) -> Found:
    """Ask again and again until the answer is true; that answer."""
    with anyio.fail_after(PATIENCE_S):
        while not (found := await question()):
            await anyio.sleep(POLL_S)
        return found


def wait_until(fact: Callable[[], Found | None], what: str = "nothing happened") -> Found:
    """Wait without an event loop until this is true; what it returned then."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := fact()):
        assert time.monotonic() < deadline, what
        time.sleep(POLL_S)
    return found
