"""Which job is spoken next, and how each one ends. The only writer of final states.

Jobs wait in the database. A few of each lane are claimed and at work at once; their chunks go to the model in turn,
speak before render. When a job ends, its file is on disk first, then its row is final, then its last event goes
out: who sees the event can fetch the row and the file.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable

import msgspec

from app.audio.log.log import AudioLog
from app.audio.log.logs import AudioLogs
from app.errors import EngineRestarted, SpeechError, StorageFailed, VoiceNotFound, WrongState
from app.events import JobProgress, JobStarted
from app.inference.model import Lane, VoiceSpec
from app.models.registry import ModelRegistry
from app.scheduler.at_work import Ask, AtWork
from app.scheduler.fairness import MAX_ACTIVE, RoundRobin
from app.scheduler.feed import Feed
from app.scheduler.plan import planned, settled
from app.scheduler.progress import final_event, progress_of
from app.scheduler.run import JobRun, Stopped
from app.store.chunks import ChunkStore
from app.store.clock import now_us
from app.store.jobs import JobStore
from app.store.rows import Artifact, Changes, Job, JobStatus, Voice
from app.store.voices import VoiceStore

#: How often a state that could not be written, because the disk is full, is tried again.
STORAGE_RETRY_S = 2.0

logger = logging.getLogger(__name__)


class Scheduler:
    """Belongs to the event loop. `run` is awaited by the server; it owns a task for each job at work.

    `wakeup` is set, by the models too, whenever there may be something for it to do.
    """

    def __init__(
        self,
        *,
        jobs: JobStore,
        chunks: ChunkStore,
        voices: VoiceStore,
        logs: AudioLogs,
        models: ModelRegistry,
        feed: Feed,
        voice_spec: Callable[[Voice], VoiceSpec],
        wakeup: asyncio.Event,
    ) -> None:
        self._jobs, self._chunks, self._voices = jobs, chunks, voices
        self._logs, self._models, self._feed = logs, models, feed
        self._voice_spec = voice_spec
        self._at_work: dict[str, AtWork] = {}
        self._lanes: dict[Lane, RoundRobin[JobRun]] = {lane: RoundRobin() for lane in Lane}
        self._waiting = dict.fromkeys(Lane, True)  # perhaps queued jobs: ask the database
        self._claiming = asyncio.Lock()
        self._wakeup = wakeup
        self._closing = False

    async def run(self) -> None:
        """Speak whatever is queued, until `shut_down`, or until the task is canceled."""
        async with asyncio.TaskGroup() as tasks:
            while not (self._closing and not self._at_work):
                self._wakeup.clear()
                await self._admit(tasks)
                self._hand_out()
                await self._wakeup.wait()

    async def rescue(self) -> None:
        """Before anything is served: what a dead engine left behind becomes what it should be."""
        queued, failed = await self._jobs.rescue(EngineRestarted().body())
        if queued or failed:
            logger.info("after the last engine: %d renders go on, %d speak jobs failed", queued, failed)

    def wake(self, lane: Lane) -> None:
        """A job of that lane has been queued."""
        self._waiting[lane] = True
        self._wakeup.set()

    def go_on(self) -> None:
        """A job at work may want a chunk that it did not want before."""
        self._wakeup.set()

    async def cancel(self, job_id: str) -> Job:
        """End a job: queued and paused ones at once, one at work at the model's next step. The job as it is then;
        one that was final before stays what it was.
        """
        return await self._ask(job_id, Ask.CANCEL, (JobStatus.QUEUED, JobStatus.PAUSED), JobStatus.CANCELED)

    async def pause(self, job_id: str) -> Job:
        """Let a job rest, with its place in the queue. Raises `WrongState` when it is final."""
        job = await self._ask(job_id, Ask.PAUSE, (JobStatus.QUEUED,), JobStatus.PAUSED)
        if job.status is not JobStatus.PAUSED:
            raise WrongState(f"the job is {job.status}; only one that is queued or running can be paused")
        return job

    async def resume(self, job_id: str) -> Job:
        """Queue a paused job again, where it was. Raises `WrongState`."""
        return await self._requeue(job_id, (JobStatus.PAUSED,), "paused")

    async def retry(self, job_id: str) -> Job:
        """Queue a failed or canceled job again; it goes on behind the chunks it has. Raises `WrongState`."""
        return await self._requeue(job_id, (JobStatus.FAILED, JobStatus.CANCELED), "failed or canceled")

    async def voice_gone(self, voice_id: str) -> None:
        """A voice has been deleted: jobs at work that speak with it fail, and are over when this returns."""
        async with self._claiming:
            at_work = [work for work in self._at_work.values() if work.job.voice_id == voice_id]
        for work in at_work:
            work.stop(Ask.VOICE_GONE)
        for work in at_work:
            await work.over()

    async def shut_down(self) -> None:
        """Stop claiming, stop every job at work: renders are queued again, listeners are told."""
        self._closing = True
        async with self._claiming:
            at_work = list(self._at_work.values())
        for work in at_work:
            work.stop(Ask.SHUT_DOWN)
        self._wakeup.set()
        for work in at_work:
            await work.over()

    async def _ask(self, job_id: str, ask: Ask, idle: Iterable[JobStatus], to: JobStatus) -> Job:
        while True:
            async with self._claiming:  # no job is between its claim and its entry here
                work = self._at_work.get(job_id)
                if work is None:
                    job = await self._jobs.get(job_id)
                    final = Changes(finished_at=now_us()) if to is JobStatus.CANCELED else None
                    moved = await self._jobs.move(job, before=idle, to=to, changes=final)
                    if moved is None:
                        return job
                    if moved.final:
                        self._announce_end(moved)
                    return moved
            work.stop(ask)
            await work.over()
            job = await self._jobs.get(job_id)
            if ask is Ask.PAUSE or job.final:
                return job
            # It was on its way to a rest when it was to end; now it is idle, and ends.

    async def _requeue(self, job_id: str, before: Iterable[JobStatus], wanted: str) -> Job:
        job = await self._jobs.get(job_id)
        moved = await self._jobs.move(
            job, before=before, to=JobStatus.QUEUED, changes=Changes(error=None, finished_at=None)
        )
        if moved is None:
            raise WrongState(f"the job is {job.status}; it would have to be {wanted}")
        if (log := self._logs.live(job_id)) is not None:
            log.reopen()
        self.wake(moved.lane)
        return moved

    async def _admit(self, tasks: asyncio.TaskGroup) -> None:
        """Claim jobs for every lane that has a place."""
        for lane in Lane:
            while self._waiting[lane] and not self._closing:
                if sum(work.job.lane is lane for work in self._at_work.values()) >= MAX_ACTIVE:
                    break
                # Before the question: who queues a job meanwhile raises the flag again.
                self._waiting[lane] = False
                async with self._claiming:
                    job = await self._claim(lane)
                    if job is None:
                        break
                    self._waiting[lane] = True
                    work = self._at_work[job.id] = AtWork(job)
                tasks.create_task(self._work(work), name=f"job {job.id}")

    async def _claim(self, lane: Lane) -> Job | None:
        try:
            return await self._jobs.claim(lane)
        except StorageFailed as error:
            logger.error("no job can be claimed: %s", error)
            asyncio.get_running_loop().call_later(STORAGE_RETRY_S, self.wake, lane)
            return None

    def _hand_out(self) -> None:
        """Start chunks, as many as the models have room for."""
        for lane in Lane:
            while (run := self._lanes[lane].next()) is not None:
                run.start_next()

    async def _work(self, work: AtWork) -> None:
        """One job from its claim to its end."""
        job = work.job
        try:
            async with self._logs.use(job.id) as log:
                try:
                    await self._speak(work, log)
                    await self._complete(work, log)
                except Stopped:
                    assert work.ask is not None
                    await self._stopped(work, log)
                except SpeechError as error:
                    logger.warning("job %s failed: %s: %s", job.id, error.code, error)
                    await self._fail(work, log, error)
                except Exception:
                    logger.exception("job %s failed", job.id)
                    await self._fail(work, log, SpeechError("the engine failed on this job; see its log"))
        finally:
            del self._at_work[job.id]
            work.tell(done=True)
            self._wakeup.set()

    async def _speak(self, work: AtWork, log: AudioLog) -> None:
        text = await self._jobs.text(work.job)
        pool = await self._models.pool(work.job.model_id)  # first: the presets of a model go with it
        voice = await self._voices.get(work.job.voice_id)
        plan = await planned(work.job, text, self._chunks)
        work.job, plan = await settled(work.job, plan, log, self._chunks)
        lane = self._lanes[work.job.lane]
        run = work.run = JobRun(
            work.job,
            text,
            plan,
            voice=self._voice_spec(voice),
            card=self._models.entry(work.job.model_id).card,
            pool=pool,
            log=log,
            chunks=self._chunks,
            on_progress=lambda job: self._tell(log, job),
        )
        if work.ask is not None:  # asked while the text was being cut
            raise Stopped
        log.start()
        self._feed.publish(JobStarted(job_id=work.job.id))
        lane.join(run)
        self._wakeup.set()
        try:
            await run.speak()
        finally:
            lane.leave(run)
            work.job = run.job

    def _tell(self, log: AudioLog, job: Job) -> None:
        event = JobProgress(job_id=job.id, progress=progress_of(job))
        log.tell(event)
        self._feed.publish(event)
        self._wakeup.set()

    async def _complete(self, work: AtWork, log: AudioLog) -> None:
        """File, row, event: in this order."""
        file_name, size = await log.publish_wav()
        made = Artifact(format="wav", file_name=file_name, bytes=size, samples=work.job.samples)
        done = await self._jobs.complete(work.job, made, Changes(finished_at=now_us()))
        assert done is not None, "only the scheduler moves a running job"
        self._announce_end(done)

    async def _stopped(self, work: AtWork, log: AudioLog) -> None:
        match work.ask:
            case Ask.CANCEL:
                await self._finish(work, log, JobStatus.CANCELED, Changes())
            case Ask.VOICE_GONE:
                gone = VoiceNotFound("the voice was deleted while the job was at work", voice_id=work.job.voice_id)
                await self._fail(work, log, gone)
            case Ask.PAUSE:
                await self._persist(work, JobStatus.PAUSED, Changes())
            case _ if work.job.lane is Lane.SPEAK:
                error = EngineRestarted("the engine was stopped while the job was spoken to a listener")
                await self._fail(work, log, error)
            case _:
                await self._persist(work, JobStatus.QUEUED, Changes())

    async def _fail(self, work: AtWork, log: AudioLog, error: SpeechError) -> None:
        await self._finish(work, log, JobStatus.FAILED, Changes(error=msgspec.to_builtins(error.body())))

    async def _finish(self, work: AtWork, log: AudioLog, to: JobStatus, changes: Changes) -> None:
        """End without an artifact; the audio that was shown is kept."""
        log.start()  # it was, even if it failed before its first chunk
        try:
            if work.job.lane is Lane.SPEAK and log.published:
                await log.sync()
            elif work.job.lane is Lane.RENDER and (await log.end()).records > work.job.last_seq:
                await log.cut(work.job.last_seq)  # on a full disk the row needs the room
        except SpeechError as error:
            logger.warning("the log of job %s cannot be tidied: %s", work.job.id, error)
        changes = msgspec.structs.replace(changes, finished_at=now_us())
        self._announce_end(await self._persist(work, to, changes))

    async def _persist(self, work: AtWork, to: JobStatus, changes: Changes) -> Job:
        """Write the state in which a run ends, however long the disk is full."""
        while True:
            try:
                moved = await self._jobs.move(work.job, before=(JobStatus.RUNNING,), to=to, changes=changes)
            except StorageFailed as error:
                logger.error("job %s cannot be written as %s yet: %s", work.job.id, to, error)
                work.tell(blocked=error)
                await asyncio.sleep(STORAGE_RETRY_S)
            else:
                assert moved is not None, "only the scheduler moves a running job"
                return moved

    def _announce_end(self, job: Job) -> None:
        event = final_event(job)
        if (log := self._logs.live(job.id)) is not None:
            log.close_with(event)
        self._feed.publish(event)
