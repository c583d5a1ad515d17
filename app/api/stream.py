"""The WebSockets: `/v1/stream/{job_id}`, one job's events with its audio, and `/v1/events`, all jobs' without.

Who may connect has been decided by the guard. What a client must be able to tell apart is said by close codes after
the handshake: before it, a browser sees no code at all.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import WebSocket, websocket
from litestar.di import NamedDependency
from litestar.exceptions import WebSocketDisconnect
from litestar.params import FromPath, FromQuery, QueryParameter

from app.api.guard import SUBPROTOCOL
from app.errors import JobNotFound, SpeechError
from app.events import FINAL, AudioChunk, Event, as_binary, as_json
from app.scheduler.feed import Feed, FellBehind
from app.usecases.jobs import Jobs

Socket = WebSocket[Any, Any, Any]

CLOSE_DONE, CLOSE_FAILED, CLOSE_RESTART, CLOSE_JOB_NOT_FOUND, CLOSE_TOO_SLOW = 1000, 1011, 1012, 4404, 4408

#: A subscriber that reads nothing for this long is dropped; it can connect again with `after_seq`.
SEND_TIMEOUT_S = 30.0

#: How long its close frame may wait for room in the socket.
CLOSE_TIMEOUT_S = 1.0

logger = logging.getLogger(__name__)


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
    await _accept(socket)
    async with _closing(socket), jobs.follow(str(job_id), after_seq=after_seq) as events:
        final = await _send_all(socket, events, lambda event: encoded.of(event, binary=format == "binary"))
        if final is not None:
            await _close(socket, CLOSE_DONE if final else CLOSE_RESTART, "" if final else "ENGINE_STOPS")


@websocket("/events")
async def events(socket: Socket, feed: NamedDependency[Feed]) -> None:
    """What happens to all jobs from now on."""
    await _accept(socket)
    async with _closing(socket):
        if await _send_all(socket, feed.follow(), as_json) is not None:
            await _close(socket, CLOSE_RESTART, "ENGINE_STOPS")


async def _accept(socket: Socket) -> None:
    await socket.accept(subprotocols=SUBPROTOCOL if SUBPROTOCOL in socket.scope["subprotocols"] else None)


@asynccontextmanager
async def _closing(socket: Socket) -> AsyncGenerator[None]:
    """What goes wrong after the handshake, as close codes."""
    try:
        yield
    except WebSocketDisconnect:
        pass
    except JobNotFound as error:
        await _close(socket, CLOSE_JOB_NOT_FOUND, error.code)
    except (FellBehind, TimeoutError):
        await _close(socket, CLOSE_TOO_SLOW, "TOO_SLOW")
    except SpeechError as error:
        logger.warning("%s cannot be followed: %s: %s", socket.scope["path"], error.code, error)
        await _close(socket, CLOSE_FAILED, error.code)
    except Exception:
        logger.exception("%s failed", socket.scope["path"])
        await _close(socket, CLOSE_FAILED, "INTERNAL")


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
        message = encode(event)
        async with asyncio.timeout(SEND_TIMEOUT_S):
            try:
                await socket.send_data(message, mode="text" if isinstance(message, str) else "binary")
            except OSError as error:  # how ASGI says that the client is gone
                raise WebSocketDisconnect(detail="the client is gone") from error
        final = isinstance(event, FINAL)
    return final


async def _until_gone(socket: Socket) -> None:
    """Read what the client sends, which means nothing here, until it closes."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


async def _close(socket: Socket, code: int, reason: str) -> None:
    # The client may be faster; and one that takes nothing does not take this either (OSError, TimeoutError).
    with suppress(RuntimeError, WebSocketDisconnect, OSError):
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await socket.close(code, reason)
