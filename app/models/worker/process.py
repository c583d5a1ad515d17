"""The worker as the engine holds it: a child process, what is sent to it and heard from it, and how it ends.

It knows the wire. It does not know what the messages are about, or when a worker is wanted.
"""

import asyncio
from collections.abc import Sequence

from app.inference import wire
from app.process import children


class WorkerLost(Exception):
    """The worker died, or does not answer."""


class WorkerProcess:
    """Belongs to the event loop. Who starts it awaits `stop`, whatever happens in between."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, command: Sequence[str]) -> "WorkerProcess":
        """Start the process; raises OSError."""
        return cls(
            await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=1 << 20,
            )
        )

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def send(self, message: wire.ToWorker) -> None:
        """Put a message into the pipe. Not drained: it is small, and bounded by the chunks in work."""
        assert self._process.stdin is not None
        self._process.stdin.write(wire.packed(message))

    async def receive(self) -> wire.FromWorker:
        """The next message. Raises `WorkerLost`, or DecodeError and ValueError when it makes no sense."""
        stream = self._process.stdout
        assert stream is not None
        try:
            length = wire.body_bytes(await stream.readexactly(wire.LENGTH_BYTES))
            return wire.from_worker(await stream.readexactly(length))
        except asyncio.IncompleteReadError:
            code = await self._process.wait()
            raise WorkerLost(f"it ended with code {code}") from None

    def kill(self) -> None:
        """End it without asking it."""
        children.kill(self._process)

    async def stop(self) -> None:
        """Close the pipe, which is the order to end; kill it when it does not. Also when this is canceled."""
        await children.end(self._process)
