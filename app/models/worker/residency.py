"""Who may have a model loaded. Large models take turns: two of them at once may be more than the machine has.

It knows pools only by what they say of themselves: whether somebody is waiting to hear them. It starts and ends
nothing; a pool that holds the turn looks at `wanted` and lets go when it can.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from enum import Enum, IntEnum, auto

#: How long renders of one model may keep those of another waiting.
SLICE_S = 60.0

#: Who has just heard a model may want to hear it again: renders of another wait that long.
LINGER_S = 5.0


class Demand(IntEnum):
    """How much somebody else wants the turn; more is more."""

    NO = 0
    SOON = 1  #: files are to be made
    NOW = 2  #: somebody is listening, or waits for the model itself


class Next(Enum):
    """What the holder of the turn does next."""

    GO_ON = auto()
    FINISH = auto()  #: what is being spoken, and begin nothing more
    LEAVE = auto()  #: now


class Tenure:
    """One pool's time with the turn: when to let go of it. Times are in seconds."""

    def __init__(self, slice_s: float = SLICE_S, linger_s: float = LINGER_S) -> None:
        self._slice_s, self._linger_s = slice_s, linger_s
        self._since, self._heard_out_at = time.monotonic(), float("-inf")

    def begin(self) -> None:
        """The turn has come."""
        self._since = time.monotonic()

    def heard_out(self) -> None:
        """Somebody has just been spoken to."""
        self._heard_out_at = time.monotonic()

    @property
    def patience_s(self) -> float:
        """How long until the answer may be another one, when somebody waits."""
        return min(self._slice_s, self._linger_s)

    def next(self, wanted: Demand, *, busy: bool, speaking: bool, listened_to: bool) -> Next:
        """What to do for the sake of those who wait.

        `busy` with anything at all, `speaking` a chunk at this moment, `listened_to` by somebody.
        """
        now = time.monotonic()
        if wanted is Demand.NO:
            return Next.GO_ON
        if not busy:
            lingers = wanted is Demand.SOON and now - self._heard_out_at < self._linger_s
            return Next.GO_ON if lingers else Next.LEAVE
        if wanted is Demand.NOW and not listened_to:
            return Next.LEAVE
        if now - self._since < self._slice_s:
            return Next.GO_ON
        return Next.FINISH if speaking else Next.LEAVE


class _Waiting:
    """One that is not served yet. `wish` is asked each time, because it may grow."""

    def __init__(self, wish: Callable[[], Demand]) -> None:
        self.wish = wish
        self.granted = asyncio.Event()


class Turn:
    """Belongs to the event loop. At most one holder; listeners first, then first come, first served."""

    def __init__(self) -> None:
        self._held = False
        self._waiting: list[_Waiting] = []
        self._news = asyncio.Event()

    @property
    def wanted(self) -> Demand:
        """How much those who wait want it."""
        return max((waiting.wish() for waiting in self._waiting), default=Demand.NO)

    async def news(self) -> None:
        """Wait until somebody may want it more than before."""
        await self._news.wait()
        self._news.clear()

    def tell(self) -> None:
        """A wish has grown."""
        self._news.set()

    @asynccontextmanager
    async def held(self, wish: Callable[[], Demand]) -> AsyncGenerator[None]:
        """Wait for the turn, and have it for the block."""
        waiting = _Waiting(wish)
        self._waiting.append(waiting)
        if not self._held:
            self._grant()
        self.tell()
        try:
            await waiting.granted.wait()
        except asyncio.CancelledError:
            if waiting.granted.is_set():  # both at once
                self._release()
            else:
                self._waiting.remove(waiting)
            raise
        try:
            yield
        finally:
            self._release()

    def _release(self) -> None:
        self._held = False
        self._grant()

    def _grant(self) -> None:
        if self._waiting:
            first = max(self._waiting, key=lambda waiting: waiting.wish())  # the first of the largest
            self._waiting.remove(first)
            self._held = True
            first.granted.set()
