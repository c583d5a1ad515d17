"""One run of a job: its chunks are given to the model as turns allow, and their takes go into the log in order.

A run knows its job, the model, the log and the rows of its chunks. It does not know the other jobs, and it writes
no final state: it returns when all of the text is in the log, and raises when it is stopped or fails.
"""

from collections import deque
from typing import Protocol

from app.scheduler.active_job import ActiveJob
from app.scheduler.chunk_requester import ChunkRequester, PendingChunk
from app.scheduler.delivery import Delivery
from app.scheduler.script import Script

#: Backpressure: a chunk that begins this far after what is being heard, some two minutes, can wait.
MAX_UNHEARD_CHARS = 2_000


class PlayheadSource(Protocol):
    """Where whoever sets the pace is in the text."""

    @property
    def playhead(self) -> int | None:
        """The character that is being heard; None when nobody sets the pace."""
        ...


class JobRun:
    """Belongs to the event loop; `speak` is awaited by the scheduler's task for the job."""

    def __init__(
        self,
        active: ActiveJob,
        script: Script,
        requester: ChunkRequester,
        delivery: Delivery,
        playback: PlayheadSource,
    ) -> None:
        self._active, self._script = active, script
        self._requester, self._delivery, self._playback = requester, delivery, playback
        self._next = active.job.chunks_done
        self._pending: deque[PendingChunk] = deque()
        self._closed = False

    @property
    def can_start(self) -> bool:
        """It has a chunk that may be started now."""
        if self._closed or self._active.stop_reason is not None or not self._has_next:
            return False
        return not self._far_ahead and self._delivery.free_slots(len(self._pending)) > 0

    @property
    def _has_next(self) -> bool:
        return self._next < len(self._script.plan)

    @property
    def _far_ahead(self) -> bool:
        """The next chunk is so far after the playhead that it can wait."""
        playhead = self._playback.playhead
        # Once it waits it does so for a while, or a large model would be loaded anew for each chunk.
        max_ahead = MAX_UNHEARD_CHARS if self._pending else MAX_UNHEARD_CHARS // 2
        return playhead is not None and self._script.plan[self._next].start_char - playhead > max_ahead

    def start_next(self) -> None:
        """Give the model the next chunk."""
        row = self._script.plan[self._next]
        self._next += 1
        self._pending.append(self._requester.request(row))
        self._script.wake()

    def stop(self) -> None:
        """The job should stop: `speak` raises `RunStopped` once the model has let go of everything."""
        self._cancel_pending()
        self._script.wake()

    async def speak(self) -> None:
        """Bring all of the text into the log. Raises `RunStopped`, or a `SpeechError` when it cannot be."""
        try:
            while not self._script.whole or self._active.job.chunks_done < len(self._script.plan):
                self._active.raise_if_stopped()
                if self._pending:
                    await self._delivery.deliver(self._pending)
                elif self._has_next:
                    await self._script.changed()
                else:
                    await self._script.more()
        finally:
            self._closed = True
            self._cancel_pending()
            for chunk in self._pending:
                await chunk.wait_ended()

    def _cancel_pending(self) -> None:
        for chunk in self._pending:
            self._requester.cancel(chunk)
