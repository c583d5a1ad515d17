"""Deleting many jobs: those that match a filter, after somebody has seen how many they are; or those that the
history need not keep (`retention.py`).
"""

import asyncio
import shutil
from array import array
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from app.audio.log.logs import AudioLogs
from app.errors import CountChanged, JobNotFound
from app.scheduler.scheduler import Scheduler
from app.store.history import History
from app.store.jobs import JobStore
from app.store.rows import HistoryFilter

#: How many rows are deleted in one transaction; others wait no longer than that takes.
AT_ONCE = 100


class Matched(Struct, frozen=True):
    """How many jobs match, how many of them have not ended, and how much audio they have."""

    jobs: int
    unfinished: int
    samples: int


class JobDeletion:
    """Belongs to the event loop."""

    def __init__(self, *, history: History, jobs: JobStore, scheduler: Scheduler, logs: AudioLogs) -> None:
        self._history, self._jobs = history, jobs
        self._scheduler, self._logs = scheduler, logs

    async def count(self, wanted: HistoryFilter) -> Matched:
        """What `delete` would delete now."""
        return (await self._matching(wanted))[0]

    async def delete(self, wanted: HistoryFilter, *, expected: int) -> Matched:
        """Forget all jobs that match, with their audio and files; those that are not final are canceled first.

        Only those that match now, none that is submitted meanwhile. Raises `CountChanged` if they are not as many
        as expected; nothing is deleted then.
        """
        found, seqs, unfinished = await self._matching(wanted)
        if found.jobs != expected:
            raise CountChanged(
                f"{found.jobs:,} jobs match, and not {expected:,}; nothing is deleted, ask for the count again "
                "with dry_run=true",
                jobs=found.jobs,
                expected=expected,
            )
        for job_id in unfinished:
            with suppress(JobNotFound):  # somebody else was faster
                await self._scheduler.cancel(job_id)
        for start in range(0, len(seqs), AT_ONCE):
            await self.forget(seqs[start : start + AT_ONCE])
        return found

    async def forget(self, seqs: Sequence[int]) -> int:
        """Forget those of the jobs that are final, with their files; how many they were."""
        gone = await self._jobs.delete_all(seqs)
        # Rows first, and no await before the folders are out of the way: as in `Jobs.delete`.
        aside = [self._logs.drop(job_id, f"{job_id}.{seq}.deleted") for seq, job_id in gone]
        await asyncio.to_thread(_remove, [folder for folder in aside if folder is not None])
        return len(gone)

    async def _matching(self, wanted: HistoryFilter) -> tuple[Matched, Sequence[int], list[str]]:
        """How many there are, the numbers of all of them, eight bytes each, and the ids of those not final."""
        seqs, unfinished, samples = array("q"), list[str](), 0
        async for page in self._history.marks(wanted):
            for mark in page:
                seqs.append(mark.seq)
                samples += mark.samples
                if not mark.final:
                    unfinished.append(mark.id)
        return Matched(len(seqs), len(unfinished), samples), seqs, unfinished


def _remove(folders: Iterable[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
