"""What the tasks of one WebSocket send: one message after the other, whoever has it."""

import asyncio

import msgspec

from app.api.sockets import Socket, send

#: Messages that wait until they can be sent. A client that causes more, and reads none, is dropped.
MAX_WAITING = 64


class Outbox:
    """Belongs to the event loop. `run` is a task of the socket's."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._sending = asyncio.Lock()
        self._waiting: asyncio.Queue[msgspec.Struct] = asyncio.Queue(MAX_WAITING)

    async def send(self, message: msgspec.Struct | str | bytes) -> None:
        """Send it now, when the client takes it. Raises `TimeoutError` when it takes nothing for too long."""
        plain = message if isinstance(message, str | bytes) else msgspec.json.encode(message).decode()
        async with self._sending:
            await send(self._socket, plain)

    def send_soon(self, message: msgspec.Struct) -> None:
        """Have it sent without waiting: for the task that reads, since a client's pongs come the same way as its
        messages. Raises `TimeoutError` when too many messages wait.
        """
        try:
            self._waiting.put_nowait(message)
        except asyncio.QueueFull:
            raise TimeoutError("the client reads nothing") from None

    async def run(self) -> None:
        """Send what should be sent soon."""
        while True:
            await self.send(await self._waiting.get())
