"""How far a job is, from its row alone; and the event that ends it."""

from app import SAMPLE_RATE
from app.events import FinalEvent, JobCanceled, JobDone, JobError, Progress
from app.store.rows import Job, JobStatus


def progress_of(job: Job, *, queue_position: int | None = None) -> Progress:
    """Counts, rates and the time that is left. The estimate takes what is left to be like what is done."""
    audio_s = job.samples / SAMPLE_RATE
    work_s = job.work_us / 1e6
    left = None
    if job.final:
        left = 0.0
    elif job.characters_done and work_s:
        left = work_s * (job.characters - job.characters_done) / job.characters_done
    return Progress(
        chunks_done=job.chunks_done,
        chunks_total=job.chunks_total,
        characters_done=job.characters_done,
        characters_total=job.characters,
        audio_seconds=round(audio_s, 3),
        work_seconds=round(work_s, 3),
        real_time_factor=round(work_s / audio_s, 6) if audio_s and work_s else None,
        seconds_left=None if left is None else round(left, 3),
        queue_position=queue_position,
    )


def final_event(job: Job) -> FinalEvent:
    """The last event of a job that is final; the same whenever somebody asks."""
    match job.status:
        case JobStatus.COMPLETED:
            return JobDone(job_id=job.id)
        case JobStatus.CANCELED:
            return JobCanceled(job_id=job.id)
        case JobStatus.FAILED:
            assert job.error is not None, "a failed state is written together with its error"
            return JobError(job_id=job.id, error=job.error)
        case _:
            raise AssertionError(f"job {job.id} is {job.status}, not final")
