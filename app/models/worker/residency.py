"""Which of the large models is in memory: one at a time, because two may be more than the machine has.

A supervisor holds the residency while it has a worker. It asks its `ResidencyPolicy` whether to keep it, given the
`Demand` of those who wait, and releases it by itself; nothing is taken from it.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from enum import Enum, IntEnum, auto
from typing import NamedTuple

#: How long a holder that has work may keep an equal or lower demand waiting, from when it got the residency.
SLICE_S = 60.0

#: Whoever has just listened to a model may want to hear it again: renders of another wait this long.
LINGER_S = 5.0


class Demand(IntEnum):
    """How urgently a model is needed in memory; the highest is served first."""

    NONE = 0
    SOON = 1  #: for renders
    NOW = 2  #: somebody is listening, or waits for the model itself


class Verdict(Enum):
    """What the holder of the residency does about the demand of others."""

    KEEP = auto()
    DRAIN = auto()  #: finish what is being spoken, begin nothing more
    STOP = auto()  #: at once


class Activity(NamedTuple):
    """What the holder of the residency is busy with."""

    busy: bool = False  #: with anything at all
    speaking: bool = False  #: its worker has takes that have not ended
    listened_to: bool = False  #: somebody listens, or will


class ResidencyPolicy:
    """Decides when one supervisor gives up the residency that it holds. Times are in seconds."""

    def __init__(self, slice_s: float = SLICE_S, linger_s: float = LINGER_S) -> None:
        self._slice_s, self._linger_s = slice_s, linger_s
        self._since, self._listened_at = time.monotonic(), float("-inf")

    def begin(self) -> None:
        """The residency is held from now on."""
        self._since = time.monotonic()

    def note_listener(self) -> None:
        """A take of lane `speak` has just ended."""
        self._listened_at = time.monotonic()

    @property
    def recheck_s(self) -> float:
        """How often the holder asks for a verdict while somebody waits."""
        return min(self._slice_s, self._linger_s)

    def decide(self, demand: Demand, activity: Activity) -> Verdict:
        """What to do about the demand of others."""
        now = time.monotonic()
        if demand is Demand.NONE:
            return Verdict.KEEP
        if not activity.busy:
            lingers = demand is Demand.SOON and now - self._listened_at < self._linger_s
            return Verdict.KEEP if lingers else Verdict.STOP
        if demand is Demand.NOW and not activity.listened_to:
            return Verdict.STOP
        if now - self._since < self._slice_s:
            return Verdict.KEEP
        return Verdict.DRAIN if activity.speaking else Verdict.STOP


class _Waiter:
    """A supervisor that waits for the residency. `demand` is asked each time, because it may grow."""

    def __init__(self, demand: Callable[[], Demand]) -> None:
        self.demand = demand
        self.granted = asyncio.Event()


class ModelResidency:
    """The right to have a large model in memory, a lock with priorities: the highest demand first, then first come,
    first served. Belongs to the event loop.
    """

    def __init__(self) -> None:
        self._held = False
        self._waiters: list[_Waiter] = []
        self._changed = asyncio.Event()

    @property
    def demand(self) -> Demand:
        """The highest demand of those who wait."""
        return max((waiter.demand() for waiter in self._waiters), default=Demand.NONE)

    async def wait_changed(self) -> None:
        """Wait until the verdict may be another one. For the holder alone."""
        await self._changed.wait()
        self._changed.clear()

    def notify(self) -> None:
        """Have the holder look again: a demand has grown, or it has less to do itself."""
        self._changed.set()

    @asynccontextmanager
    async def hold(self, demand: Callable[[], Demand]) -> AsyncGenerator[None]:
        """Wait for the residency, and have it for the block."""
        waiter = _Waiter(demand)
        self._waiters.append(waiter)
        if not self._held:
            self._grant()
        self.notify()
        try:
            await waiter.granted.wait()
        except asyncio.CancelledError:
            if waiter.granted.is_set():  # both at once
                self._release()
            else:
                self._waiters.remove(waiter)
            raise
        try:
            yield
        finally:
            self._release()

    def _release(self) -> None:
        self._held = False
        self._grant()

    def _grant(self) -> None:
        if self._waiters:
            first = max(self._waiters, key=lambda waiter: waiter.demand())  # the first of the largest
            self._waiters.remove(first)
            self._held = True
            first.granted.set()
