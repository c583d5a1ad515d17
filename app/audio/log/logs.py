"""All jobs' logs: each is opened by the first who needs it, and closed by the last."""

import os
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

from app.audio.log.log import AudioLog

#: Threads for writing: as many as there can be running jobs.
WRITERS = 16


class AudioLogs:
    """The logs that somebody writes or reads. Belongs to the event loop.

    Memory and file handles follow the number of jobs in use, not the length of the history.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[str, AudioLog] = {}
        self._closed = False
        self.followers = 0  #: who follow a log at the moment
        self._threads = ThreadPoolExecutor(WRITERS, thread_name_prefix="log")

    def folder(self, job_id: str) -> Path:
        """Where the job's files are."""
        return self._folder / job_id

    @asynccontextmanager
    async def use(self, job_id: str) -> AsyncGenerator[AudioLog]:
        """The job's log, for as long as the block runs."""
        log = self._open.get(job_id)
        if log is None:
            log = self._open[job_id] = AudioLog(job_id, self.folder(job_id), self._threads)
            if self._closed:
                log.cut_off()
        log.users += 1
        try:
            yield log
        finally:
            log.users -= 1
            if not log.users:
                log.close()
                if self._open.get(job_id) is log:
                    del self._open[job_id]

    def drop(self, job_id: str, name: str) -> Path | None:
        """Part from a deleted job's files: the folder they are in now, for somebody to remove.

        Does not wait for anything, so that the same id may be used again at once: who still reads the old log
        keeps its open files, who comes from here on gets a new one.
        """
        log = self._open.pop(job_id, None)
        if log is not None:
            log.cut_off()
        aside = self._folder / name
        try:
            self.folder(job_id).rename(aside)
        except FileNotFoundError:
            return None
        return aside

    def folders(self) -> Iterator[str]:
        """The names of all folders of jobs. Blocks."""
        with os.scandir(self._folder) as entries:
            yield from (entry.name for entry in entries if entry.is_dir())

    def live(self, job_id: str) -> AudioLog | None:
        """The job's log, if somebody uses it."""
        return self._open.get(job_id)

    def close(self) -> None:
        """Nobody writes or reads any more."""
        self._threads.shutdown(wait=False)

    def cut_off(self) -> None:
        """End all followers: the engine stops."""
        self._closed = True
        for log in self._open.values():
            log.cut_off()
