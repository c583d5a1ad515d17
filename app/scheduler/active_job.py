"""A job from its claim to its end: its row, why it should stop, and its end for everyone who waits for that."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from enum import Enum, auto

from app.errors import StorageFailed
from app.store.rows import Job


class StopReason(Enum):
    """Why an active job should stop."""

    CANCEL = auto()
    PAUSE = auto()
    SHUT_DOWN = auto()
    VOICE_GONE = auto()


class RunStopped(Exception):
    """The run was asked to stop; it has, and nothing of it is left in the model."""


class ActiveJob:
    """Belongs to the event loop. `job` is the only copy of the row; whoever writes the row replaces it."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.stop_reason: StopReason | None = None
        self._blocked: StorageFailed | None = None  #: its end cannot be written for now
        self._stop_run: Callable[[], None] = lambda: None
        self._changed = asyncio.Event()
        self._stopped = asyncio.Event()
        self._done = False

    def on_stop(self, stop_run: Callable[[], None]) -> None:
        """What stops its run, now that it has one."""
        self._stop_run = stop_run

    def stop(self, reason: StopReason) -> None:
        """The first reason counts, but an end overrides a pause."""
        if self.stop_reason is None or self.stop_reason is StopReason.PAUSE:
            self.stop_reason = reason
        self._stopped.set()
        self._stop_run()

    def raise_if_stopped(self) -> None:
        """Raises `RunStopped` when the job should stop."""
        if self.stop_reason is not None:
            raise RunStopped

    async def rest(self, seconds: float) -> None:
        """Wait before something is tried again. Raises `RunStopped` as soon as the job should stop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
        self.raise_if_stopped()

    def notify_done(self) -> None:
        """It has ended."""
        self._done, self._blocked = True, None
        self._changed.set()

    def notify_blocked(self, error: StorageFailed) -> None:
        """Its end cannot be written for now."""
        self._blocked = error
        self._changed.set()

    async def wait_done(self) -> None:
        """Wait for its end. Raises `StorageFailed` when that cannot be written: there may be no end to wait for."""
        while not self._done:
            if self._blocked is not None:
                raise self._blocked
            self._changed.clear()
            await self._changed.wait()
