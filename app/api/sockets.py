"""What the WebSockets have in common: the handshake, close codes, and sending to clients that may be slow.

Who may connect has been decided by the guard. What a client must be able to tell apart is said by close codes after
the handshake: before it, a browser sees no code at all.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any

from litestar import WebSocket
from litestar.exceptions import WebSocketDisconnect

from app.api.guard import SUBPROTOCOL
from app.errors import JobNotFound, SpeechError
from app.scheduler.feed import FellBehind

Socket = WebSocket[Any, Any, Any]

CLOSE_DONE, CLOSE_FAILED, CLOSE_RESTART, CLOSE_JOB_NOT_FOUND, CLOSE_TOO_SLOW = 1000, 1011, 1012, 4404, 4408

#: A subscriber that reads nothing for this long is dropped; it can connect again with `after_seq`.
SEND_TIMEOUT_S = 30.0

#: How long its close frame may wait for room in the socket.
CLOSE_TIMEOUT_S = 1.0

logger = logging.getLogger(__name__)


async def accept(socket: Socket) -> None:
    """Answer the handshake."""
    await socket.accept(subprotocols=SUBPROTOCOL if SUBPROTOCOL in socket.scope["subprotocols"] else None)


@asynccontextmanager
async def closing(socket: Socket) -> AsyncGenerator[None]:
    """What goes wrong after the handshake, as close codes."""
    try:
        yield
    except WebSocketDisconnect:
        pass
    except JobNotFound as error:
        await close(socket, CLOSE_JOB_NOT_FOUND, error.code)
    except (FellBehind, TimeoutError):
        await close(socket, CLOSE_TOO_SLOW, "TOO_SLOW")
    except SpeechError as error:
        logger.warning("%s cannot be followed: %s: %s", socket.scope["path"], error.code, error)
        await close(socket, CLOSE_FAILED, error.code)
    except Exception:
        logger.exception("%s failed", socket.scope["path"])
        await close(socket, CLOSE_FAILED, "INTERNAL")


async def send(socket: Socket, message: str | bytes) -> None:
    """Send text or bytes. Raises `TimeoutError` when the client takes nothing for `SEND_TIMEOUT_S`."""
    async with asyncio.timeout(SEND_TIMEOUT_S):
        try:
            await socket.send_data(message, mode="text" if isinstance(message, str) else "binary")
        except OSError as error:  # how ASGI says that the client is gone
            raise WebSocketDisconnect(detail="the client is gone") from error


async def close(socket: Socket, code: int, reason: str) -> None:
    """Send the close, if the client takes it."""
    # The client may be faster; and one that takes nothing does not take this either (OSError, TimeoutError).
    with suppress(RuntimeError, WebSocketDisconnect, OSError):
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await socket.close(code, reason)
