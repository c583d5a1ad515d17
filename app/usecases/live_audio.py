"""A job's audio in a format, as it is being spoken: from its beginning, then live, for any number of listeners.

A job and a format have one encoder, whoever listens. What it makes goes into a spool that listeners read at their
own pace, so that a slow one holds up nobody. The encoder stays a little ahead of the fastest one, and ends with the
last. What it takes in is what the WebSocket sends.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Protocol

from app import errors
from app.audio.live.spool import Spool
from app.audio.log.log import LogEvent
from app.audio.log.logs import AudioLogs
from app.errors import EngineRestarted, SpeechError, WrongState
from app.events import AudioChunk, JobCanceled, JobDone, JobError
from app.process.waiting import end_task
from app.usecases.jobs import Jobs

#: How far an encoder may be ahead of the fastest listener: a job that is long finished is encoded as it is heard.
AHEAD_BYTES = 1024 * 1024

#: What is encoded in one turn of a thread, at most: four seconds, which take a few milliseconds.
SLICE_BYTES = 192 * 1024

logger = logging.getLogger(__name__)


class Encoder(Protocol):
    """Makes a stream of one format. Used by one thread at a time."""

    def push(self, pcm: bytes) -> bytes:
        """Take samples in; what is ready comes back."""
        ...

    def finish(self) -> bytes:
        """The rest."""
        ...


class LiveAudio:
    """The encoders that are running. Belongs to the event loop; encoding is done in threads."""

    def __init__(self, *, jobs: Jobs, logs: AudioLogs, encoder: Callable[[str], Encoder]) -> None:
        self._jobs, self._logs, self._encoder = jobs, logs, encoder
        self._streams: dict[tuple[int, str], _Stream] = {}

    @asynccontextmanager
    async def follow(self, job_id: str, format: str) -> AsyncGenerator[AsyncGenerator[bytes]]:
        """The job's audio in a format, from its first byte to its last. It begins with the first sound there is.

        Raises `JobNotFound`. The pieces raise what the job failed with, `WrongState` when it was canceled,
        `EngineRestarted` when the engine stops, `StorageFailed`.
        """
        job = await self._jobs.get(job_id)
        # By its row: the same id may be another job's soon. No await from here to where it is counted.
        key = (job.seq, format)
        stream = self._streams.get(key)
        if stream is None or stream.failed:  # and is perhaps being retried now
            stream = self._streams[key] = _Stream(Spool(self._logs.folder(job_id)))
            stream.task = asyncio.create_task(
                self._encode(stream, job_id, format), name=f"{format} of job {job_id}"
            )
        stream.followers += 1
        pieces = stream.pieces()
        try:
            yield pieces
        finally:
            await pieces.aclose()
            stream.followers -= 1
            if not stream.followers:
                if self._streams.get(key) is stream:
                    del self._streams[key]
                await stream.end()

    async def _encode(self, stream: "_Stream", job_id: str, format: str) -> None:
        making = asyncio.ensure_future(asyncio.to_thread(self._encoder, format))  # while the model begins to speak
        try:
            async with self._jobs.follow(job_id) as events, aclosing(_encoded(events, making)) as pieces:
                async for piece in pieces:
                    await stream.add(piece)
            stream.close()
        except SpeechError as error:
            stream.close(error)
        except Exception:
            logger.exception("job %s cannot be encoded as %s", job_id, format)
            stream.close(SpeechError("the audio cannot be encoded; see the engine's log"))
        finally:
            making.cancel()


async def _encoded(events: AsyncGenerator[LogEvent], making: asyncio.Future[Encoder]) -> AsyncGenerator[bytes]:
    """The stream's bytes, none before the first sound. Raises what ends the job before its audio is complete."""
    async for event in events:
        match event:
            case AudioChunk():
                encoder, pcm = await making, event.audio.data_base64
                for start in range(0, len(pcm), SLICE_BYTES):
                    if made := await asyncio.to_thread(encoder.push, pcm[start : start + SLICE_BYTES]):
                        yield made
            case JobDone():
                if made := await asyncio.to_thread((await making).finish):
                    yield made
                return
            case JobCanceled():
                raise WrongState("somebody canceled the job")
            case JobError():
                raise errors.of_body(event.error)
            case _:
                pass
    raise EngineRestarted("the engine was stopped before the job was done")


class _Stream:
    """What one encoder makes, and who reads it. Belongs to the event loop."""

    def __init__(self, spool: Spool) -> None:
        self.followers = 0
        self.task: asyncio.Task[None] | None = None
        self._spool = spool
        self._furthest = 0  #: what the fastest follower has read
        self._error: SpeechError | None = None
        self._ended = False
        self._changed = asyncio.Event()

    @property
    def failed(self) -> bool:
        """It has ended before its job's audio did."""
        return self._error is not None

    async def add(self, piece: bytes) -> None:
        """Let followers have some more; returns when one of them has come near enough."""
        await self._spool.append(piece)
        self._wake()
        while self._spool.size - self._furthest > AHEAD_BYTES:
            await self._changed.wait()

    def close(self, error: SpeechError | None = None) -> None:
        """There is no more, or no more can be had."""
        self._ended, self._error = True, error
        self._wake()

    async def end(self) -> None:
        """Nobody follows any more."""
        try:
            if self.task is not None:
                await end_task(self.task)
        finally:
            self._spool.close()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def pieces(self) -> AsyncGenerator[bytes]:
        """All bytes from the first one on. Raises what the stream ended with."""
        position = 0
        while True:
            if position < self._spool.size:
                piece = await self._spool.read(position)
                position += len(piece)
                if position > self._furthest:
                    self._furthest = position
                    self._wake()
                yield piece
            elif self._error is not None:
                raise self._error
            elif self._ended:
                return
            else:
                await self._changed.wait()
