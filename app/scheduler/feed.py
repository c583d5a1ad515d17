"""Every job's events, without audio, for whoever watches the whole engine.

A subscriber is a cursor into the newest events; one that falls behind gets `FellBehind`, and reads the history.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator

from app.events import FinalEvent, JobProgress, JobStarted

KEPT_EVENTS = 1024

FeedEvent = JobStarted | JobProgress | FinalEvent


class FellBehind(Exception):
    """The subscriber read too slowly: events it has not seen are gone."""


class Feed:
    """The newest events of all jobs, for any number of subscribers. Belongs to the event loop."""

    def __init__(self) -> None:
        self._events: deque[FeedEvent] = deque(maxlen=KEPT_EVENTS)
        self._count = 0
        self._grown = asyncio.Event()
        self._closed = False
        self.followers = 0

    def publish(self, event: FeedEvent) -> None:
        """Tell everybody who watches."""
        self._events.append(event)
        self._count += 1
        self._wake()

    def close(self) -> None:
        """The engine stops: subscribers end."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        self._grown.set()
        self._grown = asyncio.Event()

    async def follow(self) -> AsyncGenerator[FeedEvent]:
        """What happens from now on. Raises `FellBehind`."""
        cursor = self._count
        self.followers += 1
        try:
            while not self._closed:
                if cursor == self._count:
                    await self._grown.wait()
                    continue
                missed = self._count - cursor
                if missed > len(self._events):
                    raise FellBehind
                cursor += 1
                yield self._events[-missed]
        finally:
            self.followers -= 1
