"""A receiver of webhooks on a real port: it keeps what it gets, and checks signatures as Standard Webhooks says."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from tests.support.waiting import until

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdefghijklmnop").decode()


class Received(NamedTuple):
    """A request that has arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        return json.loads(self.body)

    def is_signed_with(self, secret: str) -> bool:
        key = base64.b64decode(secret.removeprefix("whsec_"))
        content = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + self.body
        expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        return self.headers["webhook-signature"] == f"v1,{expected}"


class Receiver:
    """Answers with these statuses in turn, then with 204."""

    def __init__(self, statuses: list[int]) -> None:
        self.port = 0
        self.got: list[Received] = []
        self._statuses = statuses

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?key=in-the-address"

    async def all(self, count: int) -> list[Received]:
        """What has come, once it is this much."""
        return await until(lambda: self.got if len(self.got) >= count else None)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers["content-length"]))
        self.got.append(Received(first.split()[1], headers, body))
        status = self._statuses.pop(0) if self._statuses else 204
        where = f"Location: http://127.0.0.1:{self.port}/elsewhere\r\n" if 300 <= status < 400 else ""
        writer.write(f"HTTP/1.1 {status} Status\r\n{where}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()


@asynccontextmanager
async def receiving(*statuses: int, port: int = 0) -> AsyncGenerator[Receiver]:
    receiver = Receiver(list(statuses))
    server = await asyncio.start_server(receiver.answer, "127.0.0.1", port)
    async with server:
        receiver.port = server.sockets[0].getsockname()[1]
        yield receiver
