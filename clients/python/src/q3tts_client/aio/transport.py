"""What waits: a WebSocket, and time. `sync/` has the same, written by hand."""

import asyncio

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from q3tts_client.connection import Connection
from q3tts_client.errors import NetworkError
from q3tts_client.sockets import Closed, Refused, address, closed


async def wait(seconds: float) -> None:
    """Let this time pass."""
    await asyncio.sleep(seconds)


class AsyncSocket:
    """An open WebSocket to the engine."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    @classmethod
    async def open(cls, connection: Connection, path: str, limit_s: float) -> "AsyncSocket":
        """Raises `Refused` for a handshake that is answered with a status, and `NetworkError`."""
        url, headers = address(connection, path)
        try:
            # The engine pings. No proxy: it is on this machine.
            socket = await connect(
                url, additional_headers=headers, open_timeout=limit_s, max_size=None, proxy=None, ping_interval=None
            )
        except InvalidStatus as error:
            raise Refused(error.response.status_code, bytes(error.response.body or b""), path) from error
        except (OSError, InvalidHandshake) as error:
            raise NetworkError(f"no WebSocket to {connection.base_url} can be opened: {error!r}") from error
        return cls(socket)

    async def receive(self) -> str | bytes:
        """The next message. Raises `Closed`."""
        try:
            return await self._socket.recv()
        except ConnectionClosed as error:
            raise closed(error) from error

    async def aclose(self) -> None:
        """Close it; the job goes on."""
        await self._socket.close()


__all__ = ["AsyncSocket", "Closed", "Refused", "wait"]
