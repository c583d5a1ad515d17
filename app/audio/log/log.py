"""A job's audio as its subscribers see it: append-only, numbered, followed by any number of readers.

A subscriber is a cursor. Joining late, replaying and listening live are one loop: send what lies after the
cursor, wait when there is nothing. The writer never waits for a reader, and a reader that is slow holds one
batch in memory, not the backlog. Knows files and events; nothing of the database, the model or sockets.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import NamedTuple, ParamSpec, TypeVar

from app.audio.log.log_file import LogFile, Record
from app.errors import StorageFailed, cannot_open
from app.events import AudioChunk, AudioData, FinalEvent, JobProgress, JobStarted, TextRange

#: The newest records are kept in memory for live subscribers, so that they cost no reads.
KEPT_RECORDS = 16

#: How much a subscriber that replays has in memory at a time.
BATCH_BYTES = 256 * 1024

Given = ParamSpec("Given")
Result = TypeVar("Result")

LogEvent = JobStarted | AudioChunk | JobProgress | FinalEvent


class LogEnd(NamedTuple):
    """Where a log ends."""

    records: int
    samples: int


class AudioLog:
    """One job's log. Belongs to the event loop; the blocking file work is done in threads.

    `published` is the last record that may be seen: for a listener every record as it is written, for a render
    only what is synced and committed, so that nothing that was heard can be un-said by a crash.
    """

    def __init__(self, job_id: str, folder: Path, threads: Executor) -> None:
        self.job_id = job_id
        self._threads = threads
        self._folder = folder
        self._file: LogFile | None = None
        self._opening: asyncio.Future[LogFile] | None = None
        self._closed = False
        self._recent: deque[Record] = deque(maxlen=KEPT_RECORDS)
        self._grown = asyncio.Event()
        self._progress: JobProgress | None = None
        self._last: FinalEvent | None = None
        self._cut_off = False
        self.published = 0
        self.shown_at: int | None = None  #: when the first was, in microseconds since 1970
        self.started = False
        self.playhead: int | None = None  #: in the text, of the follower that sets the pace, if one does
        self.users = 0  #: counted by `AudioLogs`

    async def prepare(self) -> None:
        """Before a run writes: there are files, and what is in them is whole."""
        if self._file is None:
            await self._opened(create=True)
        else:
            await self._in_thread(self._file.settle)

    async def _opened(self, *, create: bool = False) -> LogFile:
        """The file, opened once, by the first who needs it. One that is canceled meanwhile leaves it to the others.

        Raises FileNotFoundError when there is no audio and it is not to be made.
        """
        while True:
            mine = self._opening is None
            if self._opening is None:
                self._opening = asyncio.ensure_future(self._in_thread(LogFile, self._folder, create=create))
                self._opening.add_done_callback(self._keep)
            try:
                return await asyncio.shield(self._opening)
            except FileNotFoundError as error:
                if not create:
                    raise
                if mine:
                    raise StorageFailed("the folder of the jobs is gone from the data folder") from error
                # A reader was first, and found nothing: now make it.
            except OSError as error:
                raise cannot_open("the job's audio", error) from error

    def _keep(self, opening: "asyncio.Future[LogFile]") -> None:
        if opening.cancelled() or opening.exception() is not None:
            self._opening = None  # the next one tries again
        elif self._closed:
            opening.result().close()
        else:
            self._file = opening.result()

    async def _in_thread(self, work: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs) -> Result:
        """Do a writer's blocking work, in threads of its own: it does not wait for the subscribers' reads."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(work, *args, **kwargs))

    async def end(self) -> LogEnd:
        """How much has been written, shown or not."""
        try:
            file = await self._opened()
        except FileNotFoundError:
            return LogEnd(0, 0)
        return LogEnd(file.records, file.samples)

    async def append(self, chunk_index: int, start_char: int, end_char: int, pcms: Sequence[bytes]) -> int:
        """Write records, which nobody sees yet; the number of the last one. One writer at a time."""
        file = await self._opened(create=True)
        added = await self._in_thread(file.append, chunk_index, start_char, end_char, pcms)
        self._recent.extend(added)
        return file.records

    async def sync(self) -> None:
        """Flush everything appended to the disk."""
        await self._in_thread((await self._opened(create=True)).sync)

    async def cut(self, records: int) -> None:
        """Drop records that were written and never published."""
        assert records >= self.published
        file = await self._opened(create=True)
        await self._in_thread(file.cut, records)
        while self._recent and self._recent[-1].seq > records:
            self._recent.pop()

    async def publish_wav(self) -> tuple[str, int]:
        """Make the audio a WAV file: its name and its size in bytes."""
        return await self._in_thread((await self._opened(create=True)).publish)

    async def snapshot(self, records: int) -> tuple[bytes, Path, int, int]:
        """The first records as a WAV file: a head, and the path, offset and bytes of what follows it.

        Raises FileNotFoundError when there is no audio.
        """
        return await asyncio.to_thread((await self._opened()).snapshot, records)

    async def samples(self, first: int, count: int, *, records: int | None = None) -> bytes:
        """At most `count` samples from the first on, within the first records, or in everything that is written.

        Raises FileNotFoundError when there is no audio.
        """
        return await asyncio.to_thread((await self._opened()).read_samples, first, count, records=records)

    def start(self) -> None:
        """Tell subscribers that the job has begun."""
        if not self.started:
            self.started = True
            self._wake()

    def show(self, records: int) -> None:
        """Let subscribers see the first `records` records."""
        if records > self.published:
            if self.shown_at is None:
                self.shown_at = time.time_ns() // 1000
            self.published = records
            self._wake()

    def notify(self, progress: JobProgress) -> None:
        """Replace the progress that subscribers get."""
        self._progress = progress
        self._wake()

    def close_with(self, event: FinalEvent) -> None:
        """The job is final: subscribers get what is left, then this."""
        self._last = event
        self._wake()

    def reopen(self) -> None:
        """The job goes on after all."""
        self._last = None

    def cut_off(self) -> None:
        """The engine stops: followers end without a final event, and come again to the next engine."""
        self._cut_off = True
        self._wake()

    async def grown(self, records: int) -> int:
        """Wait until subscribers may see more records than these: how many they may see."""
        while self.published <= records:
            await self._grown.wait()
        return self.published

    def _wake(self) -> None:
        # Everybody who waits holds the old event; who comes later gets the new one. No await between a
        # reader's check and its wait, so nothing can slip in between.
        self._grown.set()
        self._grown = asyncio.Event()

    async def follow(self, after_seq: int) -> AsyncGenerator[LogEvent]:
        """The job's events: JOB_STARTED unless the subscriber has heard audio before, the audio after
        `after_seq`, progress when caught up, and the final event.
        """
        cursor, announced = after_seq, after_seq > 0
        progress: JobProgress | None = None
        while not self._cut_off:
            if not announced and (self.started or self.published):
                announced = True
                yield JobStarted(job_id=self.job_id)
            elif cursor < self.published:
                for record in await self._behind(cursor):
                    yield self._event(record)
                    cursor = record.seq
            elif self._progress is not progress and self._progress is not None:
                progress = self._progress
                yield progress
            elif self._last is not None:
                yield self._last
                return
            else:
                await self._grown.wait()

    async def _behind(self, cursor: int) -> Sequence[Record]:
        if self._recent and self._recent[0].seq <= cursor + 1:
            skipped = cursor + 1 - self._recent[0].seq
            return [record for record in list(self._recent)[skipped:] if record.seq <= self.published]
        try:
            file = await self._opened()
        except FileNotFoundError as error:
            raise StorageFailed("the job's audio is gone from the data folder") from error
        found = await asyncio.to_thread(file.read, cursor, until_seq=self.published, max_bytes=BATCH_BYTES)
        if not found:
            raise StorageFailed("the job's audio is not whole: its log ends before its row says")
        return found

    def _event(self, record: Record) -> AudioChunk:
        return AudioChunk(
            job_id=self.job_id,
            seq=record.seq,
            audio=AudioData(record.pcm),
            text_range=TextRange(record.chunk_index, record.start_char, record.end_char),
        )

    def close(self) -> None:
        """Let go of the files."""
        self._closed = True
        if self._file is not None:
            self._file.close()
            self._file = None
