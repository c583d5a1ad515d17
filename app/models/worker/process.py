"""The worker as the engine holds it: a child process, the messages to and from it, and how it is stopped.

The messages are those of `app/inference/wire.py`.
"""

import asyncio
from collections.abc import Sequence

from msgspec import DecodeError

from app.inference import wire
from app.process import children


class WorkerLost(Exception):
    """The worker died, or does not answer."""


class LoadError(Exception):
    """The worker says that its model cannot be loaded; another worker would say the same."""


#: What is raised when a worker dies, hangs or sends nonsense, cannot be spawned, or takes too long to load (a
#: `TimeoutError` is an `OSError`).
LOST = (WorkerLost, OSError, DecodeError, ValueError)


class WorkerProcess:
    """A worker that runs. Belongs to the event loop; whoever starts it awaits `stop`, whatever happens."""

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
        """Put a message into the pipe, without waiting: there is little to send, as few chunks are in work."""
        assert self._process.stdin is not None
        self._process.stdin.write(wire.packed(message))

    async def wait_ready(self, timeout_s: float) -> wire.Ready:
        """Wait until it has loaded its model. Raises `LoadError`, `TimeoutError`, and what `receive` raises."""
        async with asyncio.timeout(timeout_s):
            first = await self.receive()
        match first:
            case wire.Ready():
                return first
            case wire.LoadFailed(why):
                raise LoadError(why)
            case _:
                raise WorkerLost(f"it sent {type(first).__name__} before it was ready")

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
        """Kill it without asking it to end."""
        children.kill(self._process)

    async def stop(self) -> None:
        """Close the pipe, which is the order to end; kill it when it does not. Also when this is canceled."""
        await children.end(self._process)
