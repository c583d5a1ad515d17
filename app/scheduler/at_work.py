"""A claimed job, as those see it who want something of it: that it ends, that it rests, or to hear when it has."""

import asyncio
from enum import Enum, auto

from app.errors import StorageFailed
from app.scheduler.run import JobRun
from app.store.rows import Job


class Ask(Enum):
    """What somebody wants of a job at work."""

    CANCEL = auto()
    PAUSE = auto()
    SHUT_DOWN = auto()
    VOICE_GONE = auto()


class AtWork:
    """A claimed job: its run once it is planned, and what is asked of it."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.run: JobRun | None = None
        self.ask: Ask | None = None
        self.blocked: StorageFailed | None = None  #: its end cannot be written for now
        self._news = asyncio.Event()
        self._done = False

    def stop(self, ask: Ask) -> None:
        """The first ask counts, but an end outdoes a rest."""
        if self.ask is None or self.ask is Ask.PAUSE:
            self.ask = ask
        if self.run is not None:
            self.run.stop()

    def tell(self, *, done: bool = False, blocked: StorageFailed | None = None) -> None:
        """It is over, or it cannot be for now."""
        self._done, self.blocked = done, blocked
        self._news.set()

    async def over(self) -> None:
        """Wait for its end. Raises `StorageFailed` when that cannot be written: there may be no end to wait for."""
        while not self._done:
            if self.blocked is not None:
                raise self.blocked
            self._news.clear()
            await self._news.wait()
