"""Contexts: texts that are spoken while they are being written, each of them a job of the lane `speak`.

What is certain of a text is committed with its chunks before the model gets it, so the text of a job is always what
is, or can be, spoken. What is not certain yet is in memory only, and is forgotten with the context.
"""

import asyncio
from collections.abc import Callable
from uuid import uuid4

from app.errors import InvalidRequest, Overloaded, WrongState
from app.inference.languages import AUTO
from app.scheduler.scheduler import Scheduler
from app.scheduler.script import Script, Scripts
from app.store.chunks import ChunkStore
from app.store.rows import ChunkRow, Job
from app.text.chunking import Chunk
from app.text.incremental import IncrementalCutter
from app.usecases.jobs import Jobs, Request, storable

#: Code points of one context, some two hours of speech. Whoever has more opens another context.
MAX_CONTEXT_CHARS = 100_000

#: Contexts of all clients together. One that waits for text has a job and an open file.
MAX_CONTEXTS = 64

#: A longer piece is cut in a thread, so that nobody else has to wait.
LONG_PIECE = 4_000


class Context:
    """One text. Belongs to the event loop; its methods are called one after the other."""

    def __init__(
        self, job: Job, script: Script, close: Callable[[str], None], chunks: ChunkStore, scheduler: Scheduler
    ) -> None:
        self.job = job
        self._script, self._close, self._chunks, self._scheduler = script, close, chunks, scheduler
        self._cutter = IncrementalCutter(
            max_chars=job.settings.max_chars, language="" if job.language == AUTO else job.language
        )
        self._unsaved = ""  # the end of the text, whose chunks are not certain or not committed yet
        self._certain: list[Chunk] = []  # those that are not committed yet

    def text(self, start: int = 0, end: int | None = None) -> str:
        """What is certain of the text, or a stretch of it."""
        return self._script.text[start:end]

    async def append(self, text: str) -> None:
        """More of the text. Raises `InvalidRequest` when it cannot be taken, and none of it is; `WrongState` when
        the context has ended; `StorageFailed`, and then it is written with what comes next.
        """
        self._check_open()
        length = self._cutter.length + len(storable(text))
        if length > MAX_CONTEXT_CHARS:
            raise InvalidRequest.about(
                "text",
                f"the text of the context would have {length} characters, and may have {MAX_CONTEXT_CHARS}; "
                "end it and open another",
            )
        self._unsaved += text
        cut = asyncio.to_thread(self._cutter.append, text) if len(text) > LONG_PIECE else None
        self._certain += self._cutter.append(text) if cut is None else await cut
        await self._commit()

    async def flush(self) -> None:
        """Speak what there is, without waiting for the end of the sentence. Raises as `append` does."""
        self._check_open()
        self._certain += self._cutter.flush()
        await self._commit()

    async def finish(self) -> None:
        """No more text comes; the job ends when all of it is spoken. Raises as `append` does."""
        self._check_open()
        self._certain += self._cutter.finish()
        await self._commit()
        self.close()

    async def cancel(self) -> None:
        """End the job at the model's next step, and forget what is not certain yet. Raises `StorageFailed`."""
        try:
            await self._scheduler.cancel(self.job.id)
        finally:
            self.close()

    def close(self) -> None:
        """The job has ended, or will end without more text."""
        self._close(self.job.id)

    def _check_open(self) -> None:
        if self._script.whole:
            raise WrongState("the context has ended, and takes no more text; open another")

    async def _commit(self) -> None:
        """What is certain, first in the database and then for the model."""
        if not self._certain:
            return
        first, last = self._certain[0], self._certain[-1]
        size = last.end_char - first.start_char
        rows = [
            ChunkRow(
                chunk_index=chunk.index,
                start_char=chunk.start_char,
                end_char=chunk.end_char,
                boundary=chunk.boundary,
            )
            for chunk in self._certain
        ]
        async with self._script.lock:
            if not await self._chunks.extend(self.job, self._unsaved[:size], rows):
                self.close()
                raise WrongState("the job of the context has ended; open another context")
            self._script.extend(self._unsaved[:size], rows)
        self._unsaved, self._certain = self._unsaved[size:], []


class Contexts:
    """The use cases of contexts. Belongs to the event loop."""

    def __init__(self, *, jobs: Jobs, chunks: ChunkStore, scheduler: Scheduler, scripts: Scripts) -> None:
        self._jobs, self._chunks, self._scheduler, self._scripts = jobs, chunks, scheduler, scripts

    async def open(self, request: Request) -> Context:
        """A context, whose job is queued when this returns. Raises as `Jobs.submit` does, and `Overloaded`."""
        if len(self._scripts) >= MAX_CONTEXTS:
            raise Overloaded(f"{MAX_CONTEXTS} contexts are open; end some, and try again")
        job_id = str(uuid4())
        script = self._scripts.open(job_id)
        try:
            job = await self._jobs.submit_unwritten(request, job_id)
        except BaseException:
            self._scripts.close(job_id)
            raise
        return Context(job, script, self._scripts.close, self._chunks, self._scheduler)
