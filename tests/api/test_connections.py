"""Connections: how long an engine waits for a request, how many it keeps, and for how long."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import anyio
import pytest
from anyio.abc import SocketStream

from app.engine import http
from app.engine.http import KEEP_ALIVE_S, MAX_UNAUTHORIZED, DeadlineHttp
from app.events import JobStarted
from tests.api.conftest import Opener
from tests.api.raw import AUTHORIZATION, Wire, error_in, host, wire
from tests.support.client import PATIENCE_S, Engine

pytestmark = pytest.mark.anyio


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that waits no longer than a test can."""
    monkeypatch.setattr(DeadlineHttp, "header_s", 0.2)
    monkeypatch.setattr(DeadlineHttp, "body_silence_s", 0.2)
    monkeypatch.setattr(DeadlineHttp, "body_s", 0.4)


async def slowly(connection: Wire, data: bytes) -> None:
    """Send it byte by byte for as long as the engine takes it."""
    try:
        for at in range(len(data)):
            await connection.send(data[at : at + 1])
            await asyncio.sleep(0.02)
    except (anyio.BrokenResourceError, anyio.ClosedResourceError):
        pass  # the engine has closed it


@pytest.mark.usefixtures("impatient")
async def test_a_connection_that_sends_nothing_is_closed(shared: Engine) -> None:
    async with wire(shared) as silent:
        answer = await silent.answer()
        assert await silent.closed()

    assert answer.status == 408
    assert error_in(answer)["code"] == "REQUEST_TIMEOUT"
    assert "header did not come within 0.2 seconds" in error_in(answer)["message"]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("part", ["header", "body"])
async def test_a_request_that_comes_byte_by_byte_is_not_waited_for(shared: Engine, part: str) -> None:
    header = b"\r\n".join(
        (b"POST /v1/speak HTTP/1.1", host(shared), AUTHORIZATION, b"Content-Length: 9000", b"", b"")
    )
    async with wire(shared) as slow, anyio.create_task_group() as sending:
        if part == "body":
            await slow.send(header)
        sending.start_soon(slowly, slow, header * 9 if part == "header" else b" " * 9_000)
        answer = await slow.answer()
        assert await slow.closed()
        sending.cancel_scope.cancel()

        assert (answer.status, error_in(answer)["code"]) == (408, "REQUEST_TIMEOUT")
        assert part in error_in(answer)["message"]


@pytest.mark.usefixtures("impatient")
async def test_a_connection_that_has_been_used_waits_for_the_next_request(shared: Engine) -> None:
    async with wire(shared) as used:
        first = await used.ask("GET /v1/health HTTP/1.1", host(shared), AUTHORIZATION)
        async with wire(shared) as other:  # which was made later, and waits for its deadline
            assert (await other.answer()).status == 408
        second = await used.ask("GET /v1/health HTTP/1.1", host(shared), AUTHORIZATION)

    assert (first.status, second.status) == (200, 200)
    assert KEEP_ALIVE_S >= 65


@asynccontextmanager
async def many(engine: Engine, number: int) -> AsyncGenerator[list[SocketStream]]:
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(await anyio.connect_tcp("127.0.0.1", engine.port))
            for _ in range(number)
        ]


async def test_connections_without_a_token_are_bounded_and_put_out_nobody_who_has_one(shared: Engine) -> None:
    async with wire(shared) as known:
        assert (await known.ask("GET /v1/health HTTP/1.1", host(shared), AUTHORIZATION)).status == 200

        async with many(shared, 3 * MAX_UNAUTHORIZED) as connections:
            with anyio.fail_after(PATIENCE_S):
                for connection in connections[: 2 * MAX_UNAUTHORIZED - 1]:
                    with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
                        await connection.receive()
            newest = connections[-1]
            await newest.send(b"\r\n".join((b"GET /v1/health HTTP/1.1", host(shared), AUTHORIZATION, b"", b"")))
            assert (await newest.receive()).startswith(b"HTTP/1.1 200")

        assert (await known.ask("GET /v1/health HTTP/1.1", host(shared), AUTHORIZATION)).status == 200


async def test_jobs_keep_the_descriptors_that_connections_may_not_have(
    open_engine: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed = 11
    monkeypatch.setattr(http, "max_connections", lambda: allowed)
    async with open_engine(lambda fake: fake) as engine, AsyncExitStack() as stack:
        followers = [await stack.enter_async_context(engine.socket("/events")) for _ in range(3)]
        async with many(engine, 20) as connections:
            with anyio.fail_after(PATIENCE_S):
                for idle in connections[:12]:
                    with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
                        await idle.receive()
        allowed = 3
        async with wire(engine) as refused:
            answer = await refused.answer()

        assert (answer.status, error_in(answer)["code"]) == (503, "OVERLOADED")
        for follower in followers:
            await follower.ping()


@pytest.mark.usefixtures("impatient")
async def test_a_websocket_has_no_deadlines_of_a_request(shared: Engine) -> None:
    async with shared.socket("/events") as socket:
        with pytest.raises(TimeoutError):  # and not closed
            await asyncio.wait_for(socket.recv(), 0.8)

        shared.parts.feed.publish(JobStarted(job_id="still there"))

        assert "still there" in str(await socket.recv())
