"""An answer whose body is sent while it is being made, and which lives exactly as long as its client listens.

The status is sent with the first bytes: what fails before them is answered with its own status. What fails after
them breaks the connection off, so that the client sees that the body is not whole; nothing is made up instead.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple

from litestar import Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from app.errors import SpeechError


class LiveBody(NamedTuple):
    """What is sent: the pieces, and headers that are known once there are some."""

    pieces: AsyncGenerator[bytes]
    headers: dict[str, str]


#: Opens what the body comes from.
Source = Callable[[], AbstractAsyncContextManager[LiveBody]]

logger = logging.getLogger(__name__)


class LiveResponse(Response[None]):
    """What a handler returns. Nothing has begun by then: the source is opened once the answer is sent."""

    def __init__(self, source: Source, *, media_type: str, headers: dict[str, str]) -> None:
        super().__init__(None, media_type=media_type, headers=headers)
        self._source, self._kind = source, media_type

    def to_asgi_response(self, app: Any, request: Any, **_: Any) -> ASGIResponse:
        """As Litestar sends it."""
        return _LiveAnswer(self._source, media_type=self._kind, headers=dict(self.headers))


class _LiveAnswer(ASGIResponse):
    """The answer as it goes over the wire. Raises what the source raises before its first bytes."""

    __slots__ = ("_source",)
    _should_set_content_length = False

    def __init__(self, source: Source, *, media_type: str, headers: dict[str, str]) -> None:
        super().__init__(media_type=media_type, headers=headers)
        self._source = source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the body or the client is at its end."""
        await done_before_gone(self._send(scope, send), receive, name="audio that is sent as it is made")

    async def _send(self, scope: Scope, send: Send) -> None:
        begun = False
        try:
            async with self._source() as body:
                for name, value in body.headers.items():
                    self.headers[name] = value
                async for piece in body.pieces:
                    if not begun:
                        begun = True
                        await self.start_response(send)
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        except SpeechError as error:
            if not begun:
                raise
            # An answer that is not completed is what makes uvicorn close the connection.
            logger.warning("%s is broken off: %s: %s", scope["path"], error.code, error)
            return
        if not begun:
            await self.start_response(send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def done_before_gone(work: Coroutine[Any, Any, None], receive: Callable[[], Any], *, name: str) -> bool:
    """Do some work for as long as its client stays connected: whether it was done. It has ended by then in any
    case. Raises what the work raises.
    """
    working = asyncio.create_task(work, name=name)
    going = asyncio.create_task(until_gone(receive), name="a client that waits")
    try:
        await asyncio.wait({working, going}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            return False
        working.result()
        return True
    finally:
        for task in (working, going):
            task.cancel()
        await asyncio.gather(working, going, return_exceptions=True)


async def until_gone(receive: Callable[[], Any]) -> None:
    """Wait until the client has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
