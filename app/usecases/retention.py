"""How much of the history is kept: limits on age, number and size, checked once an hour if the settings ask for it,
or whenever somebody wants to know.

Only jobs that have ended count and go, the ones submitted first before the others, and none that somebody hears,
follows or downloads at the moment.
"""

import asyncio
import logging

from msgspec import Struct

from app.audio.log.logs import AudioLogs
from app.config import KeepLimits
from app.store.clock import now_us
from app.store.history import History
from app.store.rows import HistoryFilter, JobMark
from app.usecases.deletion import AT_ONCE, JobDeletion

#: The start of an engine is not made slower by it.
FIRST_AFTER_S = 60.0
EVERY_S = 3600.0

DAY_US = 86_400_000_000

logger = logging.getLogger(__name__)


class Pruned(Struct, frozen=True):
    """Which jobs went, or would go; `in_use` are beyond the limits, too, and stay because somebody uses them."""

    jobs: int = 0
    bytes: int = 0
    in_use: int = 0


class Retention:
    """Belongs to the event loop."""

    def __init__(self, *, limits: KeepLimits, history: History, deletion: JobDeletion, logs: AudioLogs) -> None:
        self.limits = limits  #: those of the settings
        self._history, self._deletion, self._logs = history, deletion, logs

    async def run(self, *, first_after_s: float = FIRST_AFTER_S, every_s: float = EVERY_S) -> None:
        """Keep to the limits of the settings until the task is canceled; ends at once if there are none."""
        wait_s = first_after_s
        while self.limits.given:
            await asyncio.sleep(wait_s)
            wait_s = every_s
            try:
                done = await self.prune(self.limits, dry_run=False)
            except Exception:
                logger.exception("the history cannot be kept to its limits; it is tried again in an hour")
            else:
                if done.jobs:
                    logger.info("%d jobs with %d bytes were deleted, as --keep-… says", done.jobs, done.bytes)

    async def prune(self, limits: KeepLimits, *, dry_run: bool) -> Pruned:
        """Delete what is beyond the limits, or with `dry_run` only count it."""
        kept_jobs = kept_bytes = 0
        now = now_us()
        pruned = Pruned()
        async for page in self._history.marks(HistoryFilter()):
            beyond: list[JobMark] = []
            for mark in page:
                if not mark.final:
                    continue
                old = limits.days is not None and _ended_at(mark) < now - limits.days * DAY_US
                if not old:  # whatever is older than the first that finds no room goes, too
                    kept_jobs += 1
                    kept_bytes += mark.bytes
                if old or _is_full(limits, kept_jobs, kept_bytes):
                    beyond.append(mark)
            pruned = await self._prune(pruned, beyond, dry_run=dry_run)
        return pruned

    async def _prune(self, pruned: Pruned, beyond: list[JobMark], *, dry_run: bool) -> Pruned:
        jobs, size, in_use = pruned.jobs, pruned.bytes, pruned.in_use
        for start in range(0, len(beyond), AT_ONCE):
            batch = beyond[start : start + AT_ONCE]
            free = [mark for mark in batch if self._logs.live(mark.id) is None]
            in_use += len(batch) - len(free)
            size += sum(mark.bytes for mark in free)
            jobs += len(free) if dry_run else await self._deletion.forget([mark.seq for mark in free])
        return Pruned(jobs, size, in_use)


def _ended_at(mark: JobMark) -> int:
    return mark.created_at if mark.finished_at is None else mark.finished_at


def _is_full(limits: KeepLimits, jobs: int, size: int) -> bool:
    return (limits.jobs is not None and jobs > limits.jobs) or (limits.bytes is not None and size > limits.bytes)
