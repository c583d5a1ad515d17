"""A client of the daemon's socket, as simple as one can be, and one that does everything wrong."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio

from app.daemon.protocol import HEADER
from tests.support.client import PATIENCE_S, Client


def framed(message: Any) -> bytes:
    """A message as it is sent: a value as JSON, or bytes as they are."""
    payload = message if isinstance(message, bytes) else json.dumps(message).encode()
    return HEADER.pack(len(payload)) + payload


class Line:
    """A connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def send(self, raw: bytes) -> None:
        self._writer.write(raw)

    def finish(self) -> None:
        """Nothing more comes; an answer may."""
        self._writer.write_eof()

    def leave(self) -> None:
        """Close it, as the system does when a process ends."""
        self._writer.transport.abort()

    async def rest(self) -> bytes:
        """All that comes until the daemon closes."""
        with anyio.fail_after(PATIENCE_S):
            return await self._reader.read()

    async def answer(self) -> dict[str, Any]:
        """The one answer, after which nothing comes."""
        raw = await self.rest()
        assert raw, "closed without an answer"
        assert HEADER.unpack(raw[: HEADER.size]) == (len(raw) - HEADER.size,)
        return json.loads(raw[HEADER.size :])


@asynccontextmanager
async def line(path: Path) -> AsyncGenerator[Line]:
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        yield Line(reader, writer)
    finally:
        writer.transport.abort()


async def ask(path: Path, message: Any) -> dict[str, Any]:
    """One request, one answer."""
    async with line(path) as client:
        client.send(framed(message))
        return await client.answer()


async def ok(path: Path, **request: Any) -> dict[str, Any]:
    """An answer that must say that all is well."""
    answer = await ask(path, request)
    assert answer["status"] == "ok", answer
    return answer


async def refused(path: Path, **request: Any) -> dict[str, Any]:
    """An answer that must say what is wrong, in the shape of every such answer."""
    answer = await ask(path, request)
    assert set(answer) == {"status", "message", "code", "details"}, answer
    assert answer["status"] == "error"
    return answer


async def jobs_of(engine: Client) -> list[dict[str, Any]]:
    """All jobs, newest first."""
    return (await engine.get("/jobs"))["jobs"]
