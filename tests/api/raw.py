"""HTTP byte by byte, for what a well-behaved client would never send; and the shape that every failure has."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import anyio
import httpx
from anyio.abc import SocketStream

from tests.support.client import PATIENCE_S, TOKEN, Engine

AUTHORIZATION = f"Authorization: Bearer {TOKEN}".encode()

UPGRADE = (
    b"Connection: Upgrade",
    b"Upgrade: websocket",
    b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]  #: names in lower case
    body: bytes


class Wire:
    """A connection."""

    def __init__(self, stream: SocketStream) -> None:
        self._stream = stream
        self._unread = b""

    async def send(self, data: bytes) -> None:
        await self._stream.send(data)

    async def answer(self, *, head: bool = False) -> Answer:
        """The next answer. `head`: it is one to HEAD, which has no body."""
        with anyio.fail_after(PATIENCE_S):
            while b"\r\n\r\n" not in self._unread:
                self._unread += await self._stream.receive()
            start, _, self._unread = self._unread.partition(b"\r\n\r\n")
            line, *fields = start.decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
            size = 0 if head else int(headers.get("content-length", "0"))
            while len(self._unread) < size:
                try:
                    self._unread += await self._stream.receive()
                except anyio.EndOfStream:
                    break
            body, self._unread = self._unread[:size], self._unread[size:]
        return Answer(int(line.split()[1]), headers, body)

    async def ask(self, line: str, *headers: bytes, body: bytes = b"") -> Answer:
        """Send a request of that line; its answer."""
        await self.send(b"\r\n".join((line.encode("latin-1"), *headers, b"", b"")) + body)
        return await self.answer(head=line.startswith("HEAD "))

    async def chunk(self) -> bytes:
        """The next chunk of a body that comes in chunks; empty at its end."""
        with anyio.fail_after(PATIENCE_S):
            while b"\r\n" not in self._unread:
                self._unread += await self._stream.receive()
            size, _, self._unread = self._unread.partition(b"\r\n")
            count = int(size, 16)
            while len(self._unread) < count + 2:
                self._unread += await self._stream.receive()
            data, self._unread = self._unread[:count], self._unread[count + 2 :]
            return data

    async def closed(self) -> bool:
        """Whether the engine closes the connection; waits for it."""
        with anyio.fail_after(PATIENCE_S):
            try:
                while True:
                    await self._stream.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                return True


@asynccontextmanager
async def wire(engine: Engine) -> AsyncGenerator[Wire]:
    """A new connection."""
    async with await anyio.connect_tcp("127.0.0.1", engine.port) as stream:
        yield Wire(stream)


async def ask(engine: Engine, line: str, *headers: bytes, body: bytes = b"") -> Answer:
    """One request on a connection of its own."""
    async with wire(engine) as connection:
        return await connection.ask(line, *headers, body=body)


def host(engine: Engine) -> bytes:
    return f"Host: 127.0.0.1:{engine.port}".encode()


def code_in(answer: Answer | httpx.Response) -> str:
    """The code of an answer's error, which has OpenAI's shape on the routes that OpenAI has."""
    error: dict[str, Any] = json.loads(answer.body if isinstance(answer, Answer) else answer.content)["error"]
    if "param" in error:
        assert set(error) == {"message", "type", "param", "code"}
        return error["code"].upper()
    return error_in(answer)["code"]


def error_in(answer: Answer | httpx.Response) -> dict[str, Any]:
    """The error of an answer, which must have the shape of all errors and nothing else."""
    body = json.loads(answer.body if isinstance(answer, Answer) else answer.content)
    assert set(body) == {"error"}
    error = body["error"]
    assert set(error) == {"code", "message", "details"}
    assert isinstance(error["code"], str)
    assert error["code"] == error["code"].upper()
    assert isinstance(error["message"], str)
    assert error["message"]
    assert isinstance(error["details"], dict)
    assert answer.headers["content-type"] == "application/json"
    return error
