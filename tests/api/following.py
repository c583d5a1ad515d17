"""Sockets and what comes out of them, to the end."""

import asyncio
import json
from typing import Any, NamedTuple

import anyio
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.client import PATIENCE_S


class End(NamedTuple):
    """Everything that a socket brought, and how it ended."""

    events: list[dict[str, Any]]
    code: int | None
    reason: str | None

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]


async def until_closed(socket: ClientConnection) -> End:
    """Read until the engine closes."""
    events: list[dict[str, Any]] = []
    with anyio.fail_after(PATIENCE_S):
        try:
            while True:
                events.append(json.loads(await socket.recv()))
        except ConnectionClosed:
            return End(events, socket.close_code, socket.close_reason)


async def tasks_down_to(count: int) -> None:
    """Wait until no more tasks run in this loop, the engine's among them, than that."""
    with anyio.fail_after(PATIENCE_S):
        while len(asyncio.all_tasks()) > count:  # noqa: ASYNC110 - nobody tells when a task has ended
            await anyio.sleep(0.005)
