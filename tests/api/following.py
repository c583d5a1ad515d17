"""Sockets and what comes out of them, to the end."""

import asyncio
import json
from typing import Any, NamedTuple

import anyio
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.support.client import PATIENCE_S


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


def socket_tasks() -> int:
    """How many tasks of the engine, which shares the loop with its test, belong to WebSockets."""
    names = ("_send", "_until_gone", "WebSocketsSansIOProtocol.run_asgi")
    return sum(getattr(task.get_coro(), "__qualname__", "") in names for task in asyncio.all_tasks())


async def no_socket_tasks() -> None:
    """Wait until the engine has none of them."""
    with anyio.fail_after(PATIENCE_S):
        while socket_tasks():
            await anyio.sleep(0.02)
