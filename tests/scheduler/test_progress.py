"""How far a job is, from its row."""

from typing import Any

import pytest

from app.errors import ErrorBody
from app.events import JobCanceled, JobDone, JobError
from app.inference.model import Lane
from app.scheduler.progress import final_event, progress_of
from app.store.rows import Job, JobStatus, Settings


def job(**fields: Any) -> Job:
    plain: dict[str, Any] = {
        "seq": 1, "id": "job", "lane": Lane.RENDER, "status": JobStatus.RUNNING, "voice_id": "v", "model_id": "m",
        "language": "", "settings": Settings(), "formats": ["wav"], "seed": 1, "title": None, "tags": [],
        "characters": 100, "chunks_total": None, "chunks_done": 0, "characters_done": 0, "samples": 0,
        "last_seq": 0, "work_us": 0, "created_at": 1, "started_at": None, "finished_at": None, "error": None,
        "warnings": [], "request_sha256": "",
    }  # fmt: skip
    return Job(**{**plain, **fields})


def test_before_anything_is_done_nothing_is_estimated() -> None:
    progress = progress_of(job(), queue_position=3)

    assert (progress.chunks_done, progress.chunks_total, progress.audio_seconds) == (0, None, 0)
    assert (progress.real_time_factor, progress.seconds_left, progress.queue_position) == (None, None, 3)


def test_what_is_left_takes_as_long_as_what_is_done() -> None:
    progress = progress_of(job(chunks_total=4, chunks_done=1, characters_done=25, samples=48_000, work_us=500_000))

    assert (progress.audio_seconds, progress.work_seconds) == (2.0, 0.5)
    assert progress.real_time_factor == 0.25
    assert progress.seconds_left == 1.5
    assert (progress.characters_done, progress.characters_total) == (25, 100)


def test_chunks_without_audio_have_no_factor() -> None:
    progress = progress_of(job(chunks_total=2, chunks_done=1, characters_done=50, work_us=1_000_000))

    assert progress.real_time_factor is None
    assert progress.seconds_left == 1.0


@pytest.mark.parametrize("status", [JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELED])
def test_nothing_is_left_of_a_job_that_is_final(status: JobStatus) -> None:
    assert progress_of(job(status=status)).seconds_left == 0.0


def test_each_final_state_has_its_event() -> None:
    assert final_event(job(status=JobStatus.COMPLETED)) == JobDone(job_id="job")
    assert final_event(job(status=JobStatus.CANCELED)) == JobCanceled(job_id="job")
    error = ErrorBody("STORAGE_FAILED", "Full.", {"free": 0})
    assert final_event(job(status=JobStatus.FAILED, error=error)) == JobError(job_id="job", error=error)


@pytest.mark.parametrize("status", [JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.PAUSED])
def test_a_job_that_is_not_final_has_no_final_event(status: JobStatus) -> None:
    with pytest.raises(AssertionError):
        final_event(job(status=status))
