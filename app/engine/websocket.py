"""uvicorn's WebSocket connection, with a bound on what is sent and not yet read, and time to say goodbye.

uvicorn's keepalive sends a ping after whatever the kernel has buffered, megabytes of audio, and gives it 20
seconds: a client that reads at the speed of speech is thrown out. Here pings are acknowledgements as well. One
follows each `STEP_BYTES` of messages, and no more is sent while `WINDOW_BYTES` are unanswered, so that a ping has
little before it whatever the buffers could hold. A client is dropped when it answers nothing for as long as the
documentation says.

RFC 6455, section 5.5.3: an endpoint may answer only the latest of several pings.
"""

import asyncio
import itertools
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame

from app.api.sockets import CLOSE_TIMEOUT_S, CLOSE_TOO_SLOW, SEND_TIMEOUT_S

#: A ping follows this many bytes of messages.
STEP_BYTES = 32 * 1024
#: This many bytes may be unanswered: at 0.5 times real time, eight seconds of JSON.
WINDOW_BYTES = 256 * 1024
#: How long the task that serves a client may take to say that the engine stops.
STOP_GRACE_S = 0.5


class _Ping(NamedTuple):
    """A ping that has not been answered: what it carries, and how many bytes of messages had been sent by then."""

    payload: bytes
    sent: int


class AcknowledgedWebSocket(WebSocketsSansIOProtocol):
    """One connection. Belongs to the event loop. uvicorn makes it, and calls all its methods."""

    #: When nothing is sent, a ping goes out this often: many proxies close what is silent for a minute.
    ping_interval_s = 20.0
    #: A client that answers nothing for this long is dropped.
    max_silence_s = SEND_TIMEOUT_S

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._numbers: Iterator[int] = itertools.count(1)
        self._unanswered: deque[_Ping] = deque()
        self._sent = self._answered = 0  #: bytes of messages
        self._heard_at = 0.0  #: when the client last answered, or could first have
        self._room = asyncio.Event()
        self._room.set()
        self._timer: asyncio.TimerHandle | None = None

    async def send(self, message: Any) -> None:
        """Send a message of ASGI once there is room for it; one that is larger than all room is sent alone."""
        if message["type"] != "websocket.send":
            await super().send(message)
            return
        await self._room.wait()
        await super().send(message)
        self._sent += len(message.get("bytes") or message.get("text") or b"")
        if self._sent - (self._unanswered[-1].sent if self._unanswered else self._answered) >= STEP_BYTES:
            self._ping()
        self._make_room()

    def start_keepalive(self) -> None:
        """Begin to send pings when nothing else is sent, and to look for answers."""
        self._heard_at = self.loop.time()
        self._timer = self.loop.call_later(self.ping_interval_s, self._keep_alive)

    def stop_keepalive(self) -> None:
        """The connection ends: nobody waits for room any longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._unanswered.clear()
        self._room.set()

    def shutdown(self) -> None:
        """The engine stops. The client's own task sends what is left, and a close with its reason."""
        if self.handshake_complete and not self.close_sent:
            self.loop.call_later(STOP_GRACE_S, self._close_at_last)
        else:
            super().shutdown()

    def _close_at_last(self) -> None:
        if not self.transport.is_closing():
            super().shutdown()

    def handle_pong(self, event: Frame) -> None:
        """An answer to a ping, and to all before it."""
        payload = bytes(event.data)
        if not any(ping.payload == payload for ping in self._unanswered):
            return  # RFC 6455 allows pongs that answer nothing
        while self._unanswered and (ping := self._unanswered.popleft()):
            self._answered = ping.sent
            if ping.payload == payload:
                break
        self._heard_at = self.loop.time()
        self._make_room()

    def _make_room(self) -> None:
        if self._sent - self._answered < WINDOW_BYTES or not self._unanswered:
            self._room.set()
        else:
            self._room.clear()

    def _ping(self) -> None:
        if self.close_sent or self.transport.is_closing():
            return
        if not self._unanswered:
            self._heard_at = self.loop.time()
        ping = _Ping(next(self._numbers).to_bytes(4, "big"), self._sent)
        self._unanswered.append(ping)
        self.conn.send_ping(ping.payload)
        self.transport.write(b"".join(self.conn.data_to_send()))

    def _keep_alive(self) -> None:
        if self.close_sent or self.transport.is_closing():
            return
        if not self._unanswered:
            self._ping()
        silent_s = self.loop.time() - self._heard_at
        if silent_s >= self.max_silence_s:
            self._drop()
            return
        self._timer = self.loop.call_later(
            min(self.ping_interval_s, self.max_silence_s - silent_s), self._keep_alive
        )

    def _drop(self) -> None:
        self.conn.fail(CLOSE_TOO_SLOW, "TOO_SLOW")
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.stop_keepalive()
        # It may read no more: what is in the transport's buffer then would keep the connection.
        self.loop.call_later(CLOSE_TIMEOUT_S, self.transport.abort)
        self.transport.close()
