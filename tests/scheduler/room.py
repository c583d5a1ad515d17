"""The whole engine without its interfaces: jobs go in at `Jobs`, and what the model was given can be looked up."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import msgspec

from app.audio.log.log import LogEvent
from app.config import Config
from app.engine.build import build_parts
from app.engine.serving import working
from app.events import AudioChunk, JobStarted
from app.inference.model import Lane, Utterance, VoiceKind, VoiceSpec
from app.models.worker.supervisor import WorkerSupervisor
from app.scheduler.attempts import chunk_seed
from app.scheduler.finisher import STORAGE_RETRY_S
from app.store.rows import ChunkRow, Job, JobStatus, Settings
from app.text.spoken import spoken_text
from app.usecases.jobs import Request
from app.usecases.parts import Parts
from tests.scheduler.recorder import RECORD, Step
from tests.support.fakes import VOICE_ID, fake_entry, fake_pcm
from tests.support.pauses import pauses_behind, with_pauses
from tests.support.waiting import until

PATIENCE_S = 30.0

HEADER_BYTES = 44


class Room:
    """A running engine and its fake model."""

    def __init__(self, parts: Parts, control: Path) -> None:
        self.parts, self.control = parts, control
        self.announced: set[str] = set()

    async def submit(self, *paragraphs: str, lane: Lane = Lane.RENDER, **fields: Any) -> str:
        """A job with at least one chunk for each paragraph; its id."""
        request: dict[str, Any] = {"voice": VOICE_ID, "language": "", "settings": Settings(max_chars=100)}
        request |= {"lane": lane, "text": "\n\n".join(paragraphs), **fields}
        job, _ = await self.parts.jobs.submit(Request(**request))
        return job.id

    async def job(self, job_id: str) -> Job:
        return await self.parts.stores.jobs.get(job_id)

    async def until(self, job_id: str, fact: Callable[[Job], bool]) -> Job:
        """The job, once this holds of it."""
        with anyio.fail_after(PATIENCE_S):
            while not fact(job := await self.job(job_id)):
                await anyio.sleep(0.01)
            return job

    async def ended(self, job_id: str) -> Job:
        return await self.until(job_id, lambda job: job.final)

    async def completed(self, *job_ids: str) -> None:
        for job_id in job_ids:
            job = await self.ended(job_id)
            assert job.status is JobStatus.COMPLETED, job.error

    async def started(self, *job_ids: str) -> None:
        """Wait until these jobs take turns: they do from the moment on that the feed tells so."""
        await until(lambda: set(job_ids) <= self.announced)

    async def retry(self, job_id: str) -> Job:
        """Queue a job again that failed or was canceled; `started` then waits for its next run."""
        self.announced.discard(job_id)
        return await self.parts.scheduler.retry(job_id)

    async def watch(self) -> None:
        """Note which jobs have been started."""
        async for event in self.parts.feed.follow():
            if isinstance(event, JobStarted):
                self.announced.add(event.job_id)

    async def events(self, job_id: str, after_seq: int = 0) -> list[LogEvent]:
        """All events of a job."""
        with anyio.fail_after(PATIENCE_S):
            async with self.parts.jobs.follow(job_id, after_seq=after_seq) as events:
                return [event async for event in events]

    async def wav(self, job_id: str) -> bytes:
        """The samples of the job's file."""
        audio = await self.parts.jobs.audio(job_id, format="wav", partial=False)
        content = await anyio.Path(audio.path).read_bytes()
        assert len(content) == audio.size
        return content[HEADER_BYTES:]

    async def expected(self, job_id: str) -> bytes:
        """What the fake says for the chunks of the job that are done, with the seeds that the design gives them and
        the pauses that their boundaries ask for.
        """
        job = await self.job(job_id)
        text, parts = await self.parts.stores.jobs.text(job), await self.parts.stores.chunks.list(job)
        done = [part for part in parts if part.state == "done"]
        assert done == parts[: job.chunks_done]
        chunks = [(spoken_text(text[part.start_char : part.end_char]), str(part.boundary)) for part in parts]
        takes = [chunk_pcm(job, text, part) for part in done]
        pauses = pauses_behind(chunks)[: len(takes)]
        return b"".join(with_pauses(zip(takes, pauses, strict=True), rate=job.settings.rate))

    @property
    def worker(self) -> WorkerSupervisor:
        """The fake's, once it has had work."""
        (worker,) = self.parts.registry.workers
        return worker

    @property
    def worker_pid(self) -> int | None:
        """The process of the fake, if one runs."""
        return next((worker.worker_pid for worker in self.parts.registry.workers), None)

    def release(self, name: str) -> None:
        (self.control / name).touch()

    def steps(self) -> list[Step]:
        """What the model was given and has ended so far."""
        path = self.control / RECORD
        lines = path.read_bytes().splitlines() if path.exists() else []
        return [msgspec.json.decode(line, type=Step) for line in lines]

    def added(self) -> list[str]:
        """The first words of the utterances that the model was given, in order."""
        return [step.text.split(".")[0] for step in self.steps() if step.what == "add"]

    async def seen(self, *steps: Step) -> None:
        """Wait until the model's record has these."""
        await until(lambda: set(steps) <= set(self.steps()))


def chunk_pcm(job: Job, text: str, part: ChunkRow) -> bytes:
    """The audio that a chunk of a job must have."""
    seed = chunk_seed(job.seed, part.chunk_index, part.attempts)
    assert part.seed == seed
    spoken = spoken_text(text[part.start_char : part.end_char])
    if not spoken:
        return b""
    voice = VoiceSpec(VoiceKind.PRESET, name="one")
    return fake_pcm(Utterance(text=spoken, voice=voice, lane=Lane.RENDER, seed=seed, language=job.language))


def audio_of(events: list[LogEvent], *, first: int = 1) -> bytes:
    """The audio of events, whose numbers must follow each other."""
    chunks = [event for event in events if isinstance(event, AudioChunk)]
    assert [chunk.seq for chunk in chunks] == list(range(first, first + len(chunks)))
    return b"".join(chunk.audio.data_base64 for chunk in chunks)


OpenRoom: TypeAlias = Callable[..., AbstractAsyncContextManager[Room]]


def opener(folder: Path) -> OpenRoom:
    """Opens engines on one data folder, one after the other."""
    control, data_dir = folder / "control", folder / "data"
    control.mkdir()
    data_dir.mkdir()

    @asynccontextmanager
    async def open_room(
        *, capacity: int = 4, native: frozenset[str] = frozenset(), storage_retry_s: float = STORAGE_RETRY_S
    ) -> AsyncGenerator[Room]:
        command = (sys.executable, "-P", "-m", "tests.scheduler.recorder", str(control), str(capacity))
        model = msgspec.structs.replace(fake_entry(control, native=native), command=command)
        config = Config(data_dir=data_dir, token="a-token-of-the-tests")
        vital: list[asyncio.Task[None]] = []
        async with AsyncExitStack() as stack:
            parts = await build_parts(config, [model], stack, vital.append, storage_retry_s=storage_retry_s)
            await stack.enter_async_context(working(parts, vital.append))
            room = Room(parts, control)
            watching = asyncio.create_task(room.watch())
            await anyio.lowlevel.checkpoint()
            yield room
        await watching
        for task in vital:
            assert task.cancelled() or task.exception() is None

    return open_room
