"""Whether a worker hangs, or has been idle for long enough. It is told the time, and knows no process."""

from enum import Enum, auto


class WorkerHealth(Enum):
    """How a worker is."""

    FINE = auto()
    HUNG = auto()  #: busy, and silent for too long
    IDLE = auto()  #: without work for so long that it can be stopped


class Watchdog:
    """Watches one worker whose model is loaded. Times are those of one clock, in seconds."""

    def __init__(self, now: float, *, answer_s: float, idle_s: float) -> None:
        self._answer_s, self._idle_s = answer_s, idle_s
        self._heard_at = self._busy_at = now

    def note_message(self, now: float) -> None:
        """The worker has sent something."""
        self._heard_at = now

    def check(self, now: float, *, busy: bool) -> WorkerHealth:
        """Judge the worker. It has been idle since the last check that found it `busy`; its silence counts from the
        last message, or the last check that found it idle.
        """
        if busy:
            self._busy_at = now
            return WorkerHealth.HUNG if now - self._heard_at > self._answer_s else WorkerHealth.FINE
        self._heard_at = now  # an idle worker is not pinged
        return WorkerHealth.IDLE if now - self._busy_at >= self._idle_s else WorkerHealth.FINE
