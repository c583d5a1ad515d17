"""WebSocket clients: one that reads and answers pings as the test says, one that reads at a pace; and a proxy."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import anyio
from websockets.asyncio.client import connect
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.uri import parse_uri

from tests.support.client import PATIENCE_S, TOKEN

#: Of audio, as 16-bit samples at 24,000 Hz.
BYTES_PER_SECOND = 48_000


class Reading(NamedTuple):
    """What a client got."""

    messages: list[bytes]
    code: int
    reason: str


async def read_all(port: int, path: str, answers: Callable[[int], bool]) -> Reading:
    """Read until the engine closes. The number of each ping, from 0, says whether it is answered."""
    protocol = ClientProtocol(parse_uri(f"ws://127.0.0.1:{port}/v1{path}"), max_size=None)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    messages: list[bytes] = []
    pings = 0
    try:
        request = protocol.connect()
        request.headers["Authorization"] = f"Bearer {TOKEN}"
        protocol.send_request(request)
        writer.write(b"".join(protocol.data_to_send()))
        with anyio.fail_after(PATIENCE_S):
            while data := await reader.read(65_536):
                protocol.receive_data(data)
                protocol.data_to_send()  # its own answers to pings
                for event in protocol.events_received():
                    if isinstance(event, Response):
                        assert event.status_code == 101, event.body
                    elif isinstance(event, Frame) and event.opcode is Opcode.PING:
                        if answers(pings):
                            writer.write(_pong(protocol, bytes(event.data)))
                        pings += 1
                    elif isinstance(event, Frame) and event.opcode in (Opcode.TEXT, Opcode.BINARY):
                        messages.append(bytes(event.data))
                if protocol.close_rcvd is not None:
                    break
        assert protocol.close_rcvd is not None, "the connection was closed without a code"
        return Reading(messages, protocol.close_rcvd.code, protocol.close_rcvd.reason)
    finally:
        writer.transport.abort()


def _pong(protocol: ClientProtocol, payload: bytes) -> bytes:
    protocol.send_pong(payload)
    return b"".join(protocol.data_to_send())


async def read_at(
    speed: float, port: int, path: str, *, seconds: float, proxy: int | None = None
) -> tuple[int, int | None]:
    """Follow a job at a multiple of real time, perhaps through a proxy: the seconds of audio that came, and the
    code if the socket was closed.
    """
    headers = {"Authorization": f"Bearer {TOKEN}"}
    loop = asyncio.get_running_loop()
    heard_s = 0.0
    url = f"ws://127.0.0.1:{port}/v1{path}"
    async with connect(
        url,
        additional_headers=headers,
        host="127.0.0.1",
        port=proxy or port,
        max_size=None,
        max_queue=1,
        ping_interval=None,
        proxy=None,
        close_timeout=0.2,
    ) as socket:
        began = loop.time()
        try:
            while loop.time() - began < seconds:
                heard_s += _seconds_in(await socket.recv())
                await asyncio.sleep(max(0.0, began + heard_s / speed - loop.time()))
        except ConnectionClosed as closed:
            return round(heard_s), closed.rcvd.code if closed.rcvd else 1006
    return round(heard_s), None


def _seconds_in(message: str | bytes) -> float:
    if isinstance(message, bytes):
        return (len(message) - 24) / BYTES_PER_SECOND
    event: dict[str, Any] = json.loads(message)
    return len(event["audio"]["data_base64"]) * 3 / 4 / BYTES_PER_SECOND if "audio" in event else 0.0


@asynccontextmanager
async def proxy_to(port: int) -> AsyncGenerator[int]:
    """A proxy that knows nothing of what it passes on, and holds as much of it as its sockets do: its port."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass  # one of the two has gone
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.TaskGroup() as copies:
            copies.create_task(copy(reader, back))
            copies.create_task(copy(there, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
