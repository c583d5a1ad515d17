"""A socket on which texts are spoken while they are being written, as a client uses it."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from websockets.asyncio.client import ClientConnection

from tests.support.client import PATIENCE_S, Client, next_event
from tests.support.fakes import VOICE_ID

FINAL = ("JOB_DONE", "JOB_CANCELED", "JOB_ERROR")


class Speaking:
    """Sends messages; keeps what came."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.events: list[dict[str, Any]] = []

    async def send(self, kind: str, context_id: Any = "a", **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, "context_id": context_id, **fields}))

    async def open(self, context_id: str = "a", **fields: Any) -> str:
        """Open a context; the id of its job."""
        await self.send("OPEN", context_id, **{"voice_id": VOICE_ID, "seed": 7, **fields})
        return (await self.until("CONTEXT_OPENED", context_id=context_id))["job_id"]

    async def append(self, text: str, context_id: str = "a") -> None:
        await self.send("APPEND", context_id, text=text)

    async def until(self, *types: str, context_id: str | None = "a") -> dict[str, Any]:
        """The next event of one of these types and of that context; those before it are kept, too."""
        while True:
            event = await next_event(self.socket)
            self.events.append(event)
            if event["type"] in types and event["context_id"] == context_id:
                return event

    async def ended(self, context_id: str = "a") -> dict[str, Any]:
        """The last event of a context, which may have come before."""
        for event in self.of(context_id):
            if event["type"] in FINAL:
                return event
        return await self.until(*FINAL, context_id=context_id)

    def of(self, context_id: str = "a") -> list[dict[str, Any]]:
        """What came for a context."""
        return [event for event in self.events if event["context_id"] == context_id]


@asynccontextmanager
async def speaking(engine: Client, query: str = "") -> AsyncGenerator[Speaking]:
    with anyio.fail_after(2 * PATIENCE_S):
        async with engine.socket(f"/speak{query}") as socket:
            yield Speaking(socket)
