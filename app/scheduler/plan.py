"""Before a job is spoken: its text is cut, once and for all, and its log is made to agree with its rows."""

import asyncio

from app.audio.log.log import AudioLog
from app.inference.languages import AUTO
from app.inference.model import Lane
from app.store.chunks import ChunkStore
from app.store.rows import ChunkRow, Job
from app.text.chunking import chunk_text

#: A longer text is cut in a thread, so that nobody else has to wait.
LONG_TEXT = 4_000


async def plan_chunks(job: Job, text: str, chunks: ChunkStore) -> list[ChunkRow]:
    """The job's chunks: those that were planned when it was first claimed, or new ones, committed."""
    if job.chunks_total is not None:
        return await chunks.list(job)
    cut = asyncio.to_thread(_cut, text, job) if len(text) > LONG_TEXT else None
    plan = _cut(text, job) if cut is None else await cut
    await chunks.plan(job, plan)
    return plan


async def reconcile(
    job: Job, plan: list[ChunkRow], log: AudioLog, chunks: ChunkStore
) -> tuple[Job, list[ChunkRow]]:
    """Make rows and log agree after whatever ended the last run: the job and its chunks as they are then. The log
    is open.

    A listener's log may be ahead of the rows: what was heard stays. A render's log is cut back to its last
    committed chunk. A log that is shorter than its rows say has lost committed audio, by a fault of the disk: the
    rows are taken back, and the chunks are spoken again.
    """
    end = await log.end()
    if end.records < job.last_seq or end.samples < job.samples:
        first = next(
            (chunk.chunk_index for chunk in plan if (chunk.last_seq or 0) > end.records or chunk.last_seq is None),
            len(plan),
        )
        job = await chunks.reopen(job, first=first)
        plan = await chunks.list(job)
    if job.lane is Lane.SPEAK:
        log.show(end.records)
        return job, plan
    if end.records > job.last_seq:
        await log.cut(job.last_seq)
    log.show(job.last_seq)
    return job, plan


def _cut(text: str, job: Job) -> list[ChunkRow]:
    return [
        ChunkRow(
            chunk_index=chunk.index,
            start_char=chunk.start_char,
            end_char=chunk.end_char,
            boundary=chunk.boundary,
        )
        for chunk in chunk_text(
            text, max_chars=job.settings.max_chars, language="" if job.language == AUTO else job.language
        )
    ]
