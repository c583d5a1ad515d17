"""uvicorn's HTTP connection, with deadlines, and a bound on how many there are.

uvicorn waits for a request's header and body for as long as the client likes, and takes every connection: a program
that may not even use the engine can hold all descriptors of the process, and jobs need some as well.
"""

import asyncio
from collections.abc import Mapping
from operator import attrgetter
from typing import Any, cast

import h11
import msgspec
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from app.api.guard import AUTHORIZED
from app.api.problems import body_of
from app.errors import ErrorBody
from app.process.descriptors import max_connections

#: An idle connection stays open for longer than clients let theirs rest, which is a minute with most of them.
KEEP_ALIVE_S = 75
#: Connections that have not shown the token yet, and all others that have nothing to do. The oldest go first.
MAX_UNAUTHORIZED, MAX_IDLE = 64, 256


class DeadlineHttp(H11Protocol):
    """One connection. Belongs to the event loop. uvicorn makes it, and calls all its methods."""

    #: A header must be complete this long after the connection was made, or after its first byte.
    header_s = 20.0
    #: A body must go on after this long, and be complete after that long.
    body_silence_s, body_s = 30.0, 300.0

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.authorized = False
        self.since = self.loop.time()  #: when it was made, or last became idle
        self._began_at = self.since  #: of the header or body that is being received
        self._receiving: type[h11.IDLE] | type[h11.SEND_BODY] | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def idle(self) -> bool:
        """No request of it is being answered."""
        return not self.cycle or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take it, unless too many are busy; let go of the oldest if too many are idle now."""
        super().connection_made(transport)
        self._watch(h11.IDLE)
        http = [each for each in self.connections if isinstance(each, DeadlineHttp)]
        closing = sum(each.transport.is_closing() for each in http)
        idle = [each for each in http if each.idle and not each.transport.is_closing()]
        for authorized, most in ((False, MAX_UNAUTHORIZED), (True, MAX_IDLE)):
            alike = [each for each in idle if each.authorized is authorized]
            if len(alike) > most:
                min(alike, key=attrgetter("since")).transport.abort()
        if len(self.connections) - closing > max_connections():
            if oldest := min(
                (each for each in idle if each is not self), key=attrgetter("authorized", "since"), default=None
            ):
                oldest.transport.abort()
            else:
                self._refuse(503, "OVERLOADED", "too many connections are open; close some, and try again")

    def data_received(self, data: bytes) -> None:
        """A part of a request, or several of them."""
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """The connection can be used again."""
        self.authorized |= AUTHORIZED in cast("Mapping[str, Any]", self.scope)
        self.since = self.loop.time()
        super().on_response_complete()
        self._look()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """From here on another protocol has the transport."""
        self._watch(None)
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._watch(None)
        super().connection_lost(exc)

    def _look(self) -> None:
        """See what is being received now."""
        state = self.conn.their_state
        if self.transport.is_closing() or self.transport.get_protocol() is not self:  # it is a WebSocket now
            self._watch(None)
        elif state is h11.SEND_BODY:
            self._watch(h11.SEND_BODY)
        elif state is h11.IDLE and self.conn.trailing_data[0]:
            self._watch(h11.IDLE)
        else:  # uvicorn's own timer counts while nothing is
            self._watch(None)

    def _watch(self, receiving: type[h11.IDLE] | type[h11.SEND_BODY] | None) -> None:
        """Set the timer for what is being received: a header, a body or nothing."""
        now = self.loop.time()
        if receiving is not self._receiving:
            self._receiving, self._began_at = receiving, now
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if receiving is h11.IDLE:
            self._timer = self.loop.call_at(self._began_at + self.header_s, self._give_up, "header", self.header_s)
        elif receiving is h11.SEND_BODY:
            wait_s = min(self.body_silence_s, self._began_at + self.body_s - now)
            self._timer = self.loop.call_later(wait_s, self._give_up, "body", self.body_silence_s)

    def _give_up(self, what: str, wait_s: float) -> None:
        """Say what did not come, and close."""
        self._timer = None
        message = f"the request's {what} did not come within {wait_s:g} seconds; send it in one go"
        self._refuse(408, "REQUEST_TIMEOUT", message)

    def _refuse(self, status: int, code: str, message: str) -> None:
        """Answer with an error, unless another answer has begun, and close."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            path: str = self.scope["path"] if self._receiving is h11.SEND_BODY else ""
            body = msgspec.json.encode(body_of(path, status, ErrorBody(code, message, {})))
            headers = [
                ("content-type", "application/json"), ("content-length", str(len(body))), ("connection", "close"),
            ]  # fmt: skip
            for event in (
                h11.Response(status_code=status, headers=headers), h11.Data(data=body), h11.EndOfMessage(),
            ):  # fmt: skip
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
