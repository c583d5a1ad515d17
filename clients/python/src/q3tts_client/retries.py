"""How long to wait before the next try, and when to give up. Success begins anew. It waits for nothing itself."""

import time
from dataclasses import dataclass

#: A connection that lasted this long was a good one, whatever ended it. In seconds.
_GOOD_S = 5.0


@dataclass(frozen=True, kw_only=True)
class Patience:
    """With an engine that does not answer. All in seconds."""

    seconds: float = 10.0  #: how long to go on trying while nothing works; 0 fails at once
    first_wait_seconds: float = 0.1  #: before the third try; the second comes at once, and each wait doubles
    max_wait_seconds: float = 3.0
    answer_seconds: float = 10.0  #: how long one try may take: an engine that hangs accepts connections


class Retries:
    """The tries of one stream."""

    def __init__(self, patience: Patience | None) -> None:
        self.patience = patience or Patience()
        self._tries = 0
        self._spent = 0.0
        self._renewals = 0
        self._begun = time.monotonic()

    def begins(self) -> None:
        """A try begins."""
        self._begun = time.monotonic()

    def lasted(self) -> None:
        """It was connected until now: a success, unless it was thrown out at once."""
        if time.monotonic() - self._begun >= _GOOD_S:
            self.succeeded()

    def succeeded(self) -> None:
        """Something came."""
        self._tries, self._spent, self._renewals = 0, 0.0, 0
        self._begun = time.monotonic()

    def renewed(self) -> bool:
        """There is another connection: True when it may be tried at once. A second one in a row may be as dead."""
        self._renewals += 1
        return self._renewals == 1

    def next_wait(self) -> float | None:
        """How long to wait now; None when it is time to give up."""
        patience = self.patience
        # A machine that slept in between was not trying: a try is never counted as longer than it may be.
        self._spent += min(time.monotonic() - self._begun, 2 * patience.answer_seconds)
        if self._spent >= patience.seconds:
            return None
        doubled = patience.first_wait_seconds * 2.0 ** (self._tries - 1)
        wait = min(doubled, patience.max_wait_seconds) if self._tries else 0.0
        self._tries += 1
        self._spent += max(wait, 0.001)
        return wait
