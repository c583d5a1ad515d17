"""What tests talk to an engine with: plain HTTP and WebSocket, as a client would."""

import base64
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
from websockets.asyncio.client import ClientConnection, connect

from app.usecases.parts import Parts

TOKEN = "a-token-of-the-tests"
PATIENCE_S = 30.0


def http_client(port: int, *, token: str = TOKEN, timeout: float = PATIENCE_S) -> httpx.AsyncClient:
    """Speaks HTTP with the engine at this port. It reads no certificates, which would take longer than a test."""
    return httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}",
        headers={"Authorization": f"Bearer {token}"},
        timeout=timeout,
        trust_env=False,
        verify=False,
    )


class Client:
    """One engine, over its real sockets."""

    def __init__(self, port: int, http: httpx.AsyncClient, *, token: str = TOKEN) -> None:
        self.port, self.http, self.token = port, http, token

    async def get(self, path: str, status: int = 200, **kwargs: Any) -> Any:
        """GET; the JSON of the answer, whose status must be the one expected."""
        return await self._ask("GET", path, status, **kwargs)

    async def post(self, path: str, body: Any = None, status: int = 200, **kwargs: Any) -> Any:
        return await self._ask("POST", path, status, json=body, **kwargs)

    async def put(self, path: str, body: Any, status: int = 201, **kwargs: Any) -> Any:
        return await self._ask("PUT", path, status, json=body, **kwargs)

    async def patch(self, path: str, body: Any, status: int = 200) -> Any:
        return await self._ask("PATCH", path, status, json=body)

    async def delete(self, path: str, status: int = 200) -> Any:
        return await self._ask("DELETE", path, status)

    async def _ask(self, method: str, path: str, status: int, **kwargs: Any) -> Any:
        response = await self.http.request(method, f"/v1{path}", **kwargs)
        assert response.status_code == status, f"{response.status_code}: {response.text}"
        return response.json()

    async def wav(self, job_id: str, **params: Any) -> bytes:
        """The job's file."""
        response = await self.http.get(f"/v1/jobs/{job_id}/audio", params=params)
        assert response.status_code == 200, response.text
        return response.content

    @asynccontextmanager
    async def socket(self, path: str) -> AsyncGenerator[ClientConnection]:
        """A WebSocket, with the token in the header."""
        headers = {"Authorization": f"Bearer {self.token}"}
        url = f"ws://127.0.0.1:{self.port}/v1{path}"
        # A client that leaves with messages unread does not see the engine's close: it need not wait for it.
        async with connect(url, additional_headers=headers, max_size=None, proxy=None, close_timeout=0.2) as socket:
            yield socket

    async def events(self, job_id: str, query: str = "") -> list[dict[str, Any]]:
        """All events of a job, until the engine closes the socket."""
        with anyio.fail_after(PATIENCE_S):
            async with self.socket(f"/stream/{job_id}{query}") as socket:
                return [json.loads(message) async for message in socket]

    async def ended(self, job_id: str) -> dict[str, Any]:
        """The job, once it is final."""
        with anyio.fail_after(PATIENCE_S):
            while (job := await self.get(f"/jobs/{job_id}"))["status"] in ("queued", "running", "paused"):
                await anyio.sleep(0.02)
            return job

    async def until(self, job_id: str, status: str) -> dict[str, Any]:
        """The job, once it is in that state."""
        with anyio.fail_after(PATIENCE_S):
            while (job := await self.get(f"/jobs/{job_id}"))["status"] != status:
                await anyio.sleep(0.02)
            return job


def audio_of(events: list[dict[str, Any]]) -> bytes:
    """The PCM of all AUDIO_CHUNK events, whose numbers must follow each other."""
    chunks = [event for event in events if event["type"] == "AUDIO_CHUNK"]
    numbers = [chunk["seq"] for chunk in chunks]
    assert not numbers or numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    return b"".join(base64.b64decode(chunk["audio"]["data_base64"]) for chunk in chunks)


async def next_event(socket: ClientConnection) -> dict[str, Any]:
    """The next event of a socket."""
    with anyio.fail_after(PATIENCE_S):
        return json.loads(await socket.recv())


class Engine(Client):
    """An engine in the test's own loop, with the fake model in a real worker process."""

    def __init__(self, port: int, http: httpx.AsyncClient, parts: Parts, control: Path, data_dir: Path) -> None:
        super().__init__(port, http)
        self.parts, self.control, self.data_dir = parts, control, data_dir

    def release(self, name: str) -> None:
        """Let go of a `[hold:NAME]`, and disarm a `[die:NAME]`."""
        (self.control / name).touch()
