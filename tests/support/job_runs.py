"""A job's run without an engine: a log, rows and a model that only note what they are asked for, in one list."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from msgspec.structs import replace as replaced

from app.audio.log.log import LogEnd
from app.inference.model import FinishReason, Frame, Lane, ModelCard, Utterance, VoiceKind, VoiceSpec
from app.models.worker.take import Take
from app.scheduler.active_job import ActiveJob, RunStopped
from app.scheduler.chunk_requester import ChunkRequester
from app.scheduler.chunk_writer import ChunkWriter
from app.scheduler.delivery import ListenerDelivery, RenderDelivery
from app.scheduler.job_run import JobRun
from app.scheduler.pauses import Pauses
from app.scheduler.script import Script
from app.store.rows import ChunkDone, ChunkRefused, ChunkRow, Job, JobStatus, Settings

CARD = ModelCard("any", (), frozenset(), supports_clone=False, streams=True)
SOUND = b"\x01\x10" * 2_400  # 100 ms
PATIENCE_S = 10.0


def job_of(lane: Lane, *, allow_gaps: bool = False) -> Job:
    return Job(
        seq=1, id="job", lane=lane, status=JobStatus.RUNNING, voice_id="voice", model_id="any", language="en",
        settings=Settings(allow_gaps=allow_gaps), formats=["wav"], seed=1, title=None, tags=[], characters=1,
        chunks_total=None, chunks_done=0, characters_done=0, samples=0, last_seq=0, work_us=0, created_at=0,
        started_at=0, finished_at=None, error=None, warnings=[], request_sha256="",
    )  # fmt: skip


class FakeSource:
    """A model that speaks when the test says so, and lets go of what is canceled only then, if `holds` is set."""

    def __init__(self, *, free_slots: int = 100, holds: bool = False) -> None:
        self.free_slots, self.holds = free_slots, holds
        self.takes: list[Take] = []
        self._submitted = asyncio.Event()

    def submit(self, utterance: Utterance, *, after: Take | None = None) -> Take:
        take = Take(utterance)
        self.takes.append(take)
        self._submitted.set()
        return take

    def cancel(self, take: Take) -> None:
        take.canceled = True
        if not self.holds and not take.ended:
            take.end(FinishReason.CANCELED)

    async def submitted(self, count: int) -> None:
        """Wait until this many takes have been requested."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.takes) < count:
                self._submitted.clear()
                await self._submitted.wait()


def give(take: Take, pcm: bytes = SOUND) -> None:
    take.receive(Frame(take.utterance.id, pcm))


def end(take: Take, pcm: bytes = SOUND, reason: FinishReason = FinishReason.STOP) -> None:
    give(take, pcm)
    take.end(reason)


class FakeLog:
    def __init__(self, steps: list[str]) -> None:
        self._steps, self._end, self._changed = steps, LogEnd(0, 0), asyncio.Event()
        self.shown, self.playhead = 0, None
        self.playhead: int | None

    async def end(self) -> LogEnd:
        return self._end

    async def append(self, chunk_index: int, start_char: int, end_char: int, pcms: Sequence[bytes]) -> int:
        samples = sum(len(pcm) for pcm in pcms) // 2
        self._end = LogEnd(self._end.records + len(pcms), self._end.samples + samples)
        self._steps.append(f"append {chunk_index}")
        return self._end.records

    async def sync(self) -> None:
        self._steps.append("sync")

    def show(self, records: int) -> None:
        self.shown = max(self.shown, records)
        self._changed.set()

    async def visible(self, records: int) -> None:
        """Wait until subscribers may see this many records."""
        async with asyncio.timeout(PATIENCE_S):
            while self.shown < records:
                self._changed.clear()
                await self._changed.wait()


class FakeRows:
    def __init__(self, steps: list[str]) -> None:
        self._steps = steps
        self.done: list[ChunkDone] = []
        self.refused: list[ChunkRefused] = []

    async def finish(self, job: Job, done: Sequence[ChunkDone], *, characters: int, work_us: int) -> Job:
        self._steps.append(f"commit {' '.join(str(one.chunk_index) for one in done)}")
        self.done += done
        return replaced(
            job, chunks_done=job.chunks_done + len(done), samples=done[-1].end_sample, last_seq=done[-1].last_seq
        )

    async def refuse(self, job: Job, refused: ChunkRefused, *, warning: dict[str, object]) -> Job:
        self._steps.append(f"reject {refused.chunk_index}")
        self.refused.append(refused)
        return replaced(job, warnings=[*job.warnings, warning])


class Running:
    """A run, and everything it knows; `start` does what turns would do."""

    def __init__(
        self,
        lane: Lane,
        *sentences: str,
        source: FakeSource | None = None,
        allow_gaps: bool = False,
        written: int | None = None,
    ) -> None:
        text, plan = " ".join(sentences), list[ChunkRow]()
        for index, sentence in enumerate(sentences):
            start = sum(len(before) + 1 for before in sentences[:index])
            plan.append(
                ChunkRow(chunk_index=index, start_char=start, end_char=start + len(sentence), boundary="sentence")
            )
        self.steps: list[str] = []
        self.source = source or FakeSource()
        self.log, self.rows = FakeLog(self.steps), FakeRows(self.steps)
        self.active = ActiveJob(job_of(lane, allow_gaps=allow_gaps))
        self._later = plan if written is None else plan[written:]
        self.script = Script(text, plan) if written is None else Script(text, plan[:written], whole=False)
        pauses = Pauses(self.script, CARD, rate=1.0)
        voice = VoiceSpec(VoiceKind.PRESET, name="one")
        requester = ChunkRequester(self.active.job, self.script, voice, frozenset(), self.source)
        writer = ChunkWriter(self.active, self.script, pauses, requester, self.log, self.rows, lambda: None)
        if lane is Lane.SPEAK:
            delivery = ListenerDelivery(self.active, requester, writer, self.log)
        else:
            delivery = RenderDelivery(self.active, requester, writer, self.log, self.source)
        self.run = JobRun(self.active, self.script, requester, delivery, self.log)
        self.active.on_stop(self.run.stop)
        self.speaking = asyncio.create_task(self.run.speak())

    def start(self) -> int:
        """Start chunks as long as the run can; how many."""
        started = 0
        while self.run.can_start:
            self.run.start_next()
            started += 1
        return started

    def write(self, count: int) -> None:
        """Let the next sentences of a text come that is still being written."""
        self.script.extend("", self._later[:count])
        del self._later[:count]

    async def starved(self) -> None:
        """Wait until the run waits for text."""
        async with asyncio.timeout(PATIENCE_S):
            while not self.script.starved:
                await asyncio.sleep(0.005)

    async def finished(self) -> None:
        """Wait until the run has ended. Raises why, if it failed."""
        async with asyncio.timeout(PATIENCE_S):
            with suppress(RunStopped):
                await self.speaking
