"""The WebSockets: `/v1/stream/{job_id}`, one job's events with its audio, and `/v1/events`, all jobs' without."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import websocket
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from app.api.sockets import CLOSE_DONE, CLOSE_RESTART, Socket, accept, close, closing, send
from app.events import FINAL, AudioChunk, Event, as_binary, as_json
from app.scheduler.feed import Feed
from app.usecases.jobs import Jobs


class Encoded:
    """Events as they go over the wire. Live subscribers get the same chunk at the same time: it is encoded once.

    Belongs to the event loop.
    """

    def __init__(self, most: int = 64) -> None:
        self._most = most
        self._chunks: OrderedDict[tuple[object, ...], str | bytes] = OrderedDict()

    def of(self, event: Event, *, binary: bool) -> str | bytes:
        """JSON text, or for audio the bytes of a binary message."""
        if not isinstance(event, AudioChunk):
            return as_json(event)
        # With the hash of the audio, which the bytes keep: a job may be deleted, and its id be used again.
        key = (event.job_id, event.seq, binary, event.text_range, hash(event.audio.data_base64))
        encoded = self._chunks.get(key)
        if encoded is None:
            encoded = self._chunks[key] = as_binary(event) if binary else as_json(event)
            if len(self._chunks) > self._most:
                self._chunks.popitem(last=False)
        return encoded


@websocket("/stream/{job_id:uuid}")
async def stream(
    socket: Socket,
    job_id: FromPath[UUID],
    jobs: NamedDependency[Jobs],
    encoded: NamedDependency[Encoded],
    after_seq: Annotated[int, QueryParameter(ge=0, lt=2**32)] = 0,
    format: FromQuery[Literal["json", "binary"]] = "json",
) -> None:
    """A job's events from its beginning, or after `after_seq`, up to its last one."""
    await accept(socket)
    async with closing(socket), jobs.follow(str(job_id), after_seq=after_seq) as events:
        final = await _send_all(socket, events, lambda event: encoded.of(event, binary=format == "binary"))
        if final is not None:
            await close(socket, CLOSE_DONE if final else CLOSE_RESTART, "" if final else "ENGINE_STOPS")


@websocket("/events")
async def events(socket: Socket, feed: NamedDependency[Feed]) -> None:
    """What happens to all jobs from now on."""
    await accept(socket)
    async with closing(socket):
        if await _send_all(socket, feed.follow(), as_json) is not None:
            await close(socket, CLOSE_RESTART, "ENGINE_STOPS")


async def _send_all(
    socket: Socket, events: AsyncGenerator[Any], encode: Callable[[Any], str | bytes]
) -> bool | None:
    """Send until the events end: whether the last one was final. None when the client went before that."""
    sending = asyncio.create_task(_send(socket, events, encode))
    listening = asyncio.create_task(_until_gone(socket))
    try:
        await asyncio.wait({sending, listening}, return_when=asyncio.FIRST_COMPLETED)
        return sending.result() if sending.done() else None
    finally:
        for task in (sending, listening):
            task.cancel()
        await asyncio.gather(sending, listening, return_exceptions=True)
        await events.aclose()


async def _send(socket: Socket, events: AsyncGenerator[Any], encode: Callable[[Any], str | bytes]) -> bool:
    """True when the last event was the final one."""
    final = False
    async for event in events:
        await send(socket, encode(event))
        final = isinstance(event, FINAL)
    return final


async def _until_gone(socket: Socket) -> None:
    """Read what the client sends, which means nothing here, until it closes."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
