"""What one run of a job adds to the meters."""

from app import SAMPLE_RATE
from app.audio.log.log import AudioLog
from app.metering import Meters
from app.store.rows import Job


class JobMeter:
    """Belongs to the event loop; each run of a job has one, and starts with the job as it was claimed."""

    def __init__(self, meters: Meters, job: Job) -> None:
        self._meters, self._before = meters, job
        self._unheard = not job.samples
        if job.chunks_total is None and job.started_at is not None:  # it was claimed for the first time
            meters.queue_s.note((job.started_at - job.created_at) / 1e6, job.lane)

    def progressed(self, job: Job, log: AudioLog) -> None:
        """The job's row has changed, or somebody was shown its audio."""
        labels, before = (job.lane, job.model_id), self._before
        self._before = job
        if self._unheard and log.shown_at is not None:
            self._unheard = False
            self._meters.first_audio_s.note(max(0, log.shown_at - job.created_at) / 1e6, job.lane)
        for tally, grown in (
            (self._meters.audio_s, (job.samples - before.samples) / SAMPLE_RATE),
            (self._meters.work_s, (job.work_us - before.work_us) / 1e6),
            (self._meters.refused_takes, job.refused_takes - before.refused_takes),
        ):
            if grown > 0:  # audio that was taken back after a crash is made again, and was counted then
                tally.add(*labels, by=grown)

    def completed(self, job: Job) -> None:
        """All of the job has been spoken."""
        if job.samples and job.work_us:
            factor = (job.samples / SAMPLE_RATE) / (job.work_us / 1e6)
            self._meters.real_time_factor.note(factor, job.lane, job.model_id)
