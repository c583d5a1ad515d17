"""A job's files in other formats, made while it is spoken. Follows the log like any listener, in batches."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

from app.audio.export.file_encoders import ExportedFile, FileEncoders
from app.audio.export.formats import Encoding
from app.audio.pcm import SAMPLE_RATE, sample_count

#: How many jobs are encoded for at once. An encoder is a hundred times as fast as its audio plays.
ENCODING_THREADS = 2

#: Samples that are read and encoded at a time, five seconds: whoever wants to stop waits no longer than for these.
PIECE_SAMPLES = 5 * SAMPLE_RATE

Given = ParamSpec("Given")
Result = TypeVar("Result")


class GrowingLog(Protocol):
    """A job's log, as far as its files are made from it."""

    async def grown(self, records: int) -> int:
        """Wait until there are more records to be seen than these: how many."""
        ...

    async def samples(self, first: int, count: int, *, records: int | None = None) -> bytes:
        """At most `count` samples from the first on, within the first records or in all of the log."""
        ...


class JobExport:
    """Belongs to the event loop; one run of a job has one. Without encoders it does nothing."""

    def __init__(self, log: GrowingLog, encoders: FileEncoders | None, threads: Executor) -> None:
        self._log, self._encoders, self._threads = log, encoders, threads
        self._following: asyncio.Task[None] | None = None
        self._work: asyncio.Future[None] | None = None  # what a thread was last given to encode
        self._encoded = 0  # samples, those that a thread has been given included

    async def prepare(self) -> None:
        """Begin the files, for which the log's folder must be there. Raises `StorageFailed` or `Overloaded`."""
        if self._encoders is not None:
            await self._in_thread(self._encoders.open)

    def start(self) -> None:
        """Encode from now on what can be seen of the log."""
        if self._encoders is not None:
            self._following = asyncio.create_task(self._follow(self._encoders), name="encoding")

    async def finish(self, raise_if_stopped: Callable[[], None]) -> list[ExportedFile]:
        """Encode the rest of the log, which is complete: the files. `raise_if_stopped` is called between pieces.

        Raises `StorageFailed`, also when encoding failed earlier.
        """
        if self._encoders is None:
            return []
        if (error := await self._stop_following()) is not None:
            raise error
        await self._encode(self._encoders, None, raise_if_stopped)
        return await self._in_thread(self._encoders.publish)

    async def aclose(self) -> None:
        """Leave no file that is not finished."""
        if self._encoders is not None:
            await self._stop_following()
            await asyncio.shield(self._in_thread(self._encoders.discard))

    async def _follow(self, encoders: FileEncoders) -> None:
        seen = 0
        while True:
            seen = await self._log.grown(seen)
            await self._encode(encoders, seen, lambda: None)

    async def _encode(
        self, encoders: FileEncoders, records: int | None, raise_if_stopped: Callable[[], None]
    ) -> None:
        """Everything that the first records have after what has been encoded, a piece at a time."""
        while pcm := await self._log.samples(self._encoded, PIECE_SAMPLES, records=records):
            raise_if_stopped()
            self._encoded += sample_count(pcm)
            # A thread that has begun goes on, whoever is canceled here.
            self._work = asyncio.ensure_future(self._in_thread(encoders.encode, pcm))
            await asyncio.shield(self._work)

    async def _stop_following(self) -> BaseException | None:
        """What encoding has failed with, if it has. No thread encodes any more."""
        if (following := self._following) is not None:
            following.cancel()
            await asyncio.wait([following])
            if not following.cancelled():
                return following.exception()
        if (work := self._work) is None:
            return None
        await asyncio.wait([work])
        return work.exception()

    async def _in_thread(self, work: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(work, *args, **kwargs))


class Exports:
    """Makes the exports of all jobs, which share a few threads. Belongs to the event loop."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(ENCODING_THREADS, thread_name_prefix="export")

    def of(
        self,
        log: GrowingLog,
        folder: Path,
        encodings: Sequence[Encoding],
        metadata: Mapping[str, str],
        *,
        characters: int,
    ) -> JobExport:
        """That of a job whose text has this number of characters. Its files go into `folder`."""
        encoders = FileEncoders(folder, encodings, metadata, characters=characters) if encodings else None
        return JobExport(log, encoders, self._threads)

    def close(self) -> None:
        """Nothing is encoded any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
