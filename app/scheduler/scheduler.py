"""Which job is spoken next.

Jobs wait in the database. A few of each lane are claimed and active at once; their chunks go to the model in turn,
speak before render.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import aclosing
from functools import partial

from app.audio.export.job_export import Exports, JobExport
from app.audio.log.log import AudioLog
from app.audio.log.logs import AudioLogs
from app.errors import EngineRestarted, Overloaded, SpeechError, StorageFailed, WrongState
from app.events import JobProgress, JobStarted
from app.inference.model import Lane, VoiceSpec
from app.metering import Meters
from app.models.registry import ModelRegistry
from app.models.worker.supervisor import WorkerSupervisor
from app.scheduler.active_job import ActiveJob, RunStopped, StopReason
from app.scheduler.chunk_requester import ChunkRequester
from app.scheduler.chunk_writer import ChunkWriter
from app.scheduler.delivery import ListenerDelivery, RenderDelivery
from app.scheduler.exporting import export_of
from app.scheduler.fairness import MAX_ACTIVE, RoundRobin
from app.scheduler.feed import Feed
from app.scheduler.finisher import Finisher
from app.scheduler.job_meter import JobMeter
from app.scheduler.job_run import JobRun
from app.scheduler.pauses import Pauses
from app.scheduler.plan import plan_chunks, reconcile
from app.scheduler.progress import progress_of
from app.scheduler.script import Script, Scripts
from app.store.chunks import ChunkStore
from app.store.clock import now_us
from app.store.jobs import JobStore
from app.store.rows import Changes, Job, JobStatus, Voice
from app.store.voices import VoiceStore

logger = logging.getLogger(__name__)


class Scheduler:
    """Belongs to the event loop. `run` is awaited by the server; it owns a task for each active job.

    `wakeup` is set, by the models too, whenever there may be something for it to do.
    """

    def __init__(
        self,
        *,
        jobs: JobStore,
        chunks: ChunkStore,
        voices: VoiceStore,
        logs: AudioLogs,
        exports: Exports,
        models: ModelRegistry,
        feed: Feed,
        scripts: Scripts,
        voice_spec: Callable[[Voice], VoiceSpec],
        wakeup: asyncio.Event,
        meters: Meters,
        storage_retry_s: float,
    ) -> None:
        self._jobs, self._chunks, self._voices, self._logs = jobs, chunks, voices, logs
        self._models, self._feed, self._export = models, feed, partial(export_of, exports, logs)
        self._scripts, self._voice_spec, self._wakeup, self._meters = scripts, voice_spec, wakeup, meters
        self._storage_retry_s = storage_retry_s
        self._finisher = Finisher(jobs, logs, feed, storage_retry_s=storage_retry_s)
        self._active: dict[str, ActiveJob] = {}
        self._turns: dict[Lane, RoundRobin[JobRun]] = {lane: RoundRobin() for lane in Lane}
        self._waiting = dict.fromkeys(Lane, True)  # perhaps queued jobs: ask the database
        self._claiming, self._closing = asyncio.Lock(), False

    async def run(self) -> None:
        """Speak whatever is queued, until `shut_down`, or until the task is canceled."""
        async with asyncio.TaskGroup() as tasks:
            while not (self._closing and not self._active):
                self._wakeup.clear()
                await self._admit(tasks)
                self._start_chunks()
                await self._wakeup.wait()

    async def rescue(self) -> None:
        """Before anything is served: requeue or fail what a dead engine left behind."""
        queued, failed = await self._jobs.rescue(EngineRestarted().body())
        if queued or failed:
            logger.info("after the last engine: %d renders go on, %d speak jobs failed", queued, failed)

    def wake(self, lane: Lane) -> None:
        """A job of that lane has been queued."""
        self._waiting[lane] = True
        self._wakeup.set()

    def playhead_moved(self) -> None:
        """An active job may be able to start a chunk that was too far ahead before."""
        self._wakeup.set()

    async def cancel(self, job_id: str) -> Job:
        """End a job: queued and paused ones at once, an active one at the model's next step. The job as it is then;
        one that was final before stays what it was.
        """
        return await self._stop(job_id, StopReason.CANCEL, (JobStatus.QUEUED, JobStatus.PAUSED), JobStatus.CANCELED)

    async def pause(self, job_id: str) -> Job:
        """Pause a job; it keeps its place in the queue. Raises `WrongState` when it is final."""
        job = await self._stop(job_id, StopReason.PAUSE, (JobStatus.QUEUED,), JobStatus.PAUSED)
        if job.status is not JobStatus.PAUSED:
            raise WrongState(f"the job is {job.status}; only one that is queued or running can be paused")
        return job

    async def resume(self, job_id: str) -> Job:
        """Queue a paused job again, where it was. Raises `WrongState`."""
        job = await self._jobs.get(job_id)
        return await self._requeue(job, (JobStatus.PAUSED,), "only one that is paused can be resumed")

    async def retry(self, job_id: str) -> Job:
        """Queue a failed or canceled job again; it goes on after the chunks it has. Raises `WrongState`, and
        `VoiceNotFound` when its voice has been deleted.
        """
        job, before = await self._jobs.get(job_id), (JobStatus.FAILED, JobStatus.CANCELED)
        if job.status in before:
            await self._voices.get(job.voice_id)
        return await self._requeue(job, before, "only one that failed or was canceled can be retried")

    async def voice_gone(self, voice_id: str) -> None:
        """A voice has been deleted: active jobs that speak with it fail, and have ended when this returns."""
        async with self._claiming:
            speaking = [active for active in self._active.values() if active.job.voice_id == voice_id]
        for active in speaking:
            active.stop(StopReason.VOICE_GONE)
        for active in speaking:
            await active.wait_done()

    async def shut_down(self) -> None:
        """Stop claiming, stop every active job: renders are queued again, listeners are notified."""
        self._closing = True
        async with self._claiming:
            stopping = list(self._active.values())
        for active in stopping:
            active.stop(StopReason.SHUT_DOWN)
        self._wakeup.set()
        for active in stopping:
            await active.wait_done()

    async def _stop(self, job_id: str, reason: StopReason, idle: Iterable[JobStatus], to: JobStatus) -> Job:
        while True:
            async with self._claiming:  # no job is between its claim and its entry here
                active = self._active.get(job_id)
                if active is None:
                    job = await self._jobs.get(job_id)
                    final = Changes(finished_at=now_us()) if to is JobStatus.CANCELED else None
                    moved = await self._jobs.move(job, before=idle, to=to, changes=final)
                    if moved is None:
                        return job
                    if moved.final:
                        self._finisher.announce(moved)
                    return moved
            active.stop(reason)
            await active.wait_done()
            job = await self._jobs.get(job_id)
            if reason is StopReason.PAUSE or job.final:
                return job
            # It was about to pause when it was asked to end; now it is idle, and ends.

    async def _requeue(self, job: Job, before: Iterable[JobStatus], rule: str) -> Job:
        moved = await self._jobs.move(
            job, before=before, to=JobStatus.QUEUED, changes=Changes(error=None, finished_at=None)
        )
        if moved is None:
            raise WrongState(f"the job is {job.status}; {rule}")
        if (log := self._logs.live(job.id)) is not None:
            log.reopen()
        self.wake(moved.lane)
        return moved

    async def _admit(self, tasks: asyncio.TaskGroup) -> None:
        """Claim jobs for every lane that has a place."""
        for lane in Lane:
            while self._waiting[lane] and not self._closing:
                if self._turns_taken(lane) >= MAX_ACTIVE:
                    break
                # Before the query: whoever queues a job meanwhile raises the flag again.
                self._waiting[lane] = False
                async with self._claiming:
                    job = await self._claim(lane)
                    if job is None:
                        break
                    self._waiting[lane] = True
                    active = self._active[job.id] = ActiveJob(job)
                tasks.create_task(self._run_job(active), name=f"job {job.id}")

    def _turns_taken(self, lane: Lane) -> int:
        """How many jobs take turns: not those that wait for more of their text, which may be for ever."""
        jobs = (active.job for active in self._active.values())
        return sum(job.lane is lane and not self._scripts.starved(job.id) for job in jobs)

    async def _claim(self, lane: Lane) -> Job | None:
        try:
            return await self._jobs.claim(lane)
        except StorageFailed as error:
            logger.error("no job can be claimed: %s", error)
            asyncio.get_running_loop().call_later(self._storage_retry_s, self.wake, lane)
            return None

    def _start_chunks(self) -> None:
        """Start as many chunks as the models have free slots for."""
        for lane in Lane:
            while (run := self._turns[lane].next()) is not None:
                run.start_next()

    async def _run_job(self, active: ActiveJob) -> None:
        """One job from its claim to its end."""
        job_id, meter = active.job.id, JobMeter(self._meters, active.job)
        try:
            async with self._logs.use(job_id) as log, aclosing(self._export(active.job, log)) as export:
                try:
                    await self._speak(active, log, export, meter)
                    await self._finisher.complete(active, log, export)
                    meter.completed(active.job)
                except RunStopped:
                    await self._finisher.stop(active, log)
                except SpeechError as error:
                    logger.warning("job %s failed: %s: %s", job_id, error.code, error)
                    await self._finisher.fail(active, log, error)
                except Exception:
                    logger.exception("job %s failed", job_id)
                    error = SpeechError("the engine failed on this job; see its log")
                    await self._finisher.fail(active, log, error)
                finally:
                    meter.progressed(active.job, log)
        finally:
            del self._active[job_id]
            active.notify_done()
            self._wakeup.set()

    async def _speak(self, active: ActiveJob, log: AudioLog, export: JobExport, meter: JobMeter) -> None:
        worker = await self._models.worker(active.job.model_id)  # first: the presets of a model go with it
        voice = await self._voices.get(active.job.voice_id)
        script = self._scripts.of(active.job.id)
        async with script.lock:
            script.text = await self._jobs.text(active.job)
            script.plan = await plan_chunks(active.job, script.text, self._chunks)
        await self._open_files(active, log, export)
        async with script.lock:
            active.job, script.plan = await reconcile(active.job, script.plan, log, self._chunks)
        run = self._job_run(active, script, voice, worker, log, partial(self._notify_progress, active, log, meter))
        active.raise_if_stopped()  # while the text was being cut
        active.on_stop(run.stop)
        log.start()
        export.start()
        self._feed.publish(JobStarted(job_id=active.job.id))
        turns = self._turns[active.job.lane]
        turns.join(run)
        self._wakeup.set()
        try:
            await run.speak()
        finally:
            turns.leave(run)

    async def _open_files(self, active: ActiveJob, log: AudioLog, export: JobExport) -> None:
        """Open what the job writes to, as soon as there are descriptors for it."""
        waits = False
        while True:
            try:
                await log.prepare()
                return await export.prepare()
            except Overloaded as error:
                if not waits:
                    logger.warning("job %s waits: %s", active.job.id, error)
                waits = True
            await active.rest(self._storage_retry_s)

    def _job_run(
        self,
        active: ActiveJob,
        script: Script,
        voice: Voice,
        worker: WorkerSupervisor,
        log: AudioLog,
        on_progress: Callable[[], None],
    ) -> JobRun:
        card = self._models.entry(active.job.model_id).card
        pauses = Pauses(script, card, rate=active.job.settings.rate)
        requester = ChunkRequester(active.job, script, self._voice_spec(voice), card.native_settings, worker)
        writer = ChunkWriter(active, script, pauses, requester, log, self._chunks, on_progress)
        if active.job.lane is Lane.SPEAK:
            delivery = ListenerDelivery(active, requester, writer, log)
        else:
            delivery = RenderDelivery(active, requester, writer, log, worker)
        return JobRun(active, script, requester, delivery, log)

    def _notify_progress(self, active: ActiveJob, log: AudioLog, meter: JobMeter) -> None:
        meter.progressed(active.job, log)
        event = JobProgress(job_id=active.job.id, progress=progress_of(active.job))
        log.notify(event)
        self._feed.publish(event)
        self._wakeup.set()
