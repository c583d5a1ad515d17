"""How takes get into the log: a listener's as they come, a render's chunk by chunk.

A listener's audio is shown as it comes. A render's is shown once its chunk is complete, flushed to disk and
committed, so that a crash can never take back what somebody has heard.
"""

from collections import deque
from typing import Protocol

from app.audio.effects.seams import Ending
from app.scheduler.active_job import ActiveJob
from app.scheduler.chunk_requester import ChunkRequester, PendingChunk, TakeSource
from app.scheduler.chunk_writer import ChunkWriter, Log, WrittenChunk
from app.store.rows import ChunkRow

#: Chunks that may be started before the first of them is in the log: it bounds the memory of a job.
LISTENER_AHEAD, RENDER_AHEAD = 2, 8


class Delivery(Protocol):
    """Belongs to the event loop; one job has one."""

    def free_slots(self, pending: int) -> int:
        """How many more chunks may be started while `pending` have been; none if zero or less."""
        ...

    async def deliver(self, pending: deque[PendingChunk]) -> None:
        """Bring the first pending chunk into the log, and perhaps some after it; take them out of `pending`.

        Raises `RunStopped`, or a `SpeechError` when a chunk cannot be spoken.
        """
        ...


class ListenerDelivery:
    """Shows each chunk as it comes. A listener never waits until the model can take on more."""

    def __init__(self, active: ActiveJob, requester: ChunkRequester, writer: ChunkWriter, log: Log) -> None:
        self._active, self._requester, self._writer, self._log = active, requester, writer, log

    def free_slots(self, pending: int) -> int:
        """As many as a listener's job may be ahead."""
        return LISTENER_AHEAD - pending

    async def deliver(self, pending: deque[PendingChunk]) -> None:
        """The next chunk; what was heard of it cannot be said again."""
        chunk, written = pending[0], (await self._log.end()).samples
        begins = min(chunk.begins or self._active.job.samples, written)
        # What an earlier run of this job has shown of the chunk stays; the same bytes come again and are dropped.
        drop = 2 * (written - begins)
        shown = drop > 0
        ending = chunk.before or self._writer.ending
        for take, ends in chunk.requests:
            filtered = self._requester.filter_for(take, await self._writer.seam(ending, chunk.row, ends))
            async for pcm in take.pcm():
                self._active.raise_if_stopped()
                drop = await self._show(chunk.row, await filtered.push(pcm), drop)
                shown |= filtered.audible
            self._active.raise_if_stopped()
            if reason := filtered.rejection_reason:
                await self._writer.reject(chunk, reason, heard=filtered.silent_tail if shown else None)
                if not chunk.given_up:
                    return
            if not filtered.pause_known:
                filtered.followed_by(await self._writer.pause_after(chunk.row))
            drop = await self._show(chunk.row, await filtered.finish(), drop)
            ending = filtered.ending
            if chunk.given_up:
                break
        await self._writer.commit([await self._writer.written(chunk, ending)])
        pending.popleft()

    async def _show(self, row: ChunkRow, pcm: bytes, drop: int) -> int:
        """Write and show audio, but for its first `drop` bytes; how much is still to be dropped."""
        kept = pcm[drop:]
        if kept:
            self._log.show(await self._writer.append(row, kept))
        return max(0, drop - len(pcm))


class RenderDelivery:
    """Shows chunks once they are committed."""

    def __init__(
        self, active: ActiveJob, requester: ChunkRequester, writer: ChunkWriter, log: Log, source: TakeSource
    ) -> None:
        self._active, self._requester, self._writer, self._log = active, requester, writer, log
        self._source = source

    def free_slots(self, pending: int) -> int:
        """As many as a render may be ahead, and as the model can take on."""
        return min(RENDER_AHEAD - pending, self._source.free_slots)

    async def deliver(self, pending: deque[PendingChunk]) -> None:
        """The next chunk, and those after it that are complete by then, committed together."""
        ready: list[WrittenChunk] = []
        try:
            for chunk in list(pending):
                if ready and not chunk.ended:
                    break
                whole = await self._whole(chunk)
                if whole is None:
                    break
                pcm, ending = whole
                await self._writer.append(chunk.row, pcm)
                ready.append(await self._writer.written(chunk, ending))
        finally:
            if ready:  # whatever happened to the one after them
                await self._writer.commit(ready)
                for _ in ready:
                    pending.popleft()
                self._log.show(self._active.job.last_seq)

    async def _whole(self, chunk: PendingChunk) -> tuple[bytes, Ending] | None:
        """All audio of a chunk, none if it is given up, and how it ends; None when it must be spoken again."""
        pieces, ending = list[bytes](), self._writer.ending
        for take, ends in chunk.requests:
            filtered = self._requester.filter_for(take, await self._writer.seam(ending, chunk.row, ends))
            async for pcm in take.pcm():
                pieces.append(await filtered.push(pcm))
            self._active.raise_if_stopped()
            if reason := filtered.rejection_reason:
                await self._writer.reject(chunk, reason, heard=None)
                nothing = await self._writer.seam(self._writer.ending, chunk.row)
                return (b"", nothing.ending) if chunk.given_up else None
            pieces.append(await filtered.finish())
            ending = filtered.ending
        return b"".join(pieces), ending
