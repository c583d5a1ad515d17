"""Bytes that are made once and read by many: those of a stream, from its first one on, while anybody reads.

The newest are in memory, and cost its readers nothing; what is older lies in a file without a name, which the
system removes with its last handle, whatever becomes of the process.
"""

import asyncio
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from app.errors import StorageFailed

#: The most that is in memory, and how much of it goes to the file at a time. A few sentences never see the disk.
KEPT_BYTES, MOVED_BYTES = 256 * 1024, 128 * 1024

#: The most that one read gives.
READ_BYTES = 64 * 1024

Given = ParamSpec("Given")
Result = TypeVar("Result")


class Spool:
    """Belongs to the event loop; its file is read and written in threads. One writer, any number of readers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: int | None = None
        self._memory = bytearray()
        self._moved = 0  #: bytes in the file: the position of the first one in memory
        self._busy = 0  #: threads that use the file
        self._closed = False

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return self._moved + len(self._memory)

    async def append(self, data: bytes) -> None:
        """Add bytes. Raises `StorageFailed`."""
        self._memory += data
        while len(self._memory) > KEPT_BYTES:
            oldest = bytes(self._memory[:MOVED_BYTES])
            await self._in_thread("kept", self._write, oldest, self._moved)
            del self._memory[:MOVED_BYTES]
            self._moved += MOVED_BYTES

    async def read(self, position: int) -> bytes:
        """The next bytes from a position that is before the end. Raises `StorageFailed`."""
        if position >= self._moved:
            start = position - self._moved
            return bytes(self._memory[start : start + READ_BYTES])
        return await self._in_thread("read", self._read, min(READ_BYTES, self._moved - position), position)

    async def _in_thread(
        self, what: str, work: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs
    ) -> Result:
        """Use the file. It stays open until the thread is done, also when nobody waits for that any more."""
        self._busy += 1

        async def done() -> Result:
            try:
                return await asyncio.to_thread(work, *args, **kwargs)
            finally:
                self._busy -= 1
                self._close_file()

        try:
            return await asyncio.shield(done())
        except OSError as error:
            raise StorageFailed(f"encoded audio cannot be {what}: {error.strerror}") from error

    def _write(self, data: bytes, position: int) -> None:
        if self._file is None:
            with tempfile.TemporaryFile(dir=self._folder) as file:
                self._file = os.dup(file.fileno())
        view = memoryview(data)
        while view:
            written = os.pwrite(self._file, view, position)
            view, position = view[written:], position + written

    def _read(self, count: int, position: int) -> bytes:
        assert self._file is not None, "what is not in memory is in the file"
        return os.pread(self._file, count, position)

    def close(self) -> None:
        """Nobody writes or begins to read any more."""
        self._closed = True
        self._close_file()

    def _close_file(self) -> None:
        if self._closed and not self._busy and self._file is not None:
            os.close(self._file)
            self._file = None
