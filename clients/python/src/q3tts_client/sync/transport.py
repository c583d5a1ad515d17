"""What waits: a WebSocket, and time. `aio/` has the same, written by hand."""

import time
from contextlib import ExitStack

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from q3tts_client.connection import Connection
from q3tts_client.errors import NetworkError
from q3tts_client.sockets import Closed, Refused, address, closed


def wait(seconds: float) -> None:
    """Let this time pass."""
    time.sleep(seconds)


class Socket:
    """An open WebSocket to the engine."""

    def __init__(self, socket: ClientConnection, stack: ExitStack) -> None:
        self._socket = socket
        self._stack = stack  # a connection of this library is a context

    @classmethod
    def open(cls, connection: Connection, path: str, limit_s: float) -> "Socket":
        """Raises `Refused` for a handshake that is answered with a status, and `NetworkError`."""
        url, headers = address(connection, path)
        stack = ExitStack()
        try:
            # The engine pings. No proxy: it is on this machine.
            opening = connect(
                url, additional_headers=headers, open_timeout=limit_s, max_size=None, proxy=None, ping_interval=None
            )
            socket = stack.enter_context(opening)
        except InvalidStatus as error:
            raise Refused(error.response.status_code, bytes(error.response.body or b""), path) from error
        except (OSError, InvalidHandshake) as error:
            raise NetworkError(f"no WebSocket to {connection.base_url} can be opened: {error!r}") from error
        return cls(socket, stack)

    def receive(self) -> str | bytes:
        """The next message. Raises `Closed`."""
        try:
            return self._socket.recv()
        except ConnectionClosed as error:
            raise closed(error) from error

    def close(self) -> None:
        """Close it; the job goes on."""
        self._stack.close()


__all__ = ["Closed", "Refused", "Socket", "wait"]
