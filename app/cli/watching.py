"""Watching a job, and showing how far it is."""

import math
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from app.cli.engine import EngineClient
from app.cli.finding import Fields
from app.cli.progress import LAST_LOOK_S, Show, looks, shown
from app.cli.terminal import clock
from app.errors import SpeechError
from app.store.rows import FINAL, JobStatus


def ended(engine: EngineClient, job_id: str, show: Show) -> Fields:
    """Watch the job to its end."""
    for _ in looks():
        job = _look(engine, job_id, show)
        if job["status"] in FINAL:
            return job
    raise AssertionError("there is always another look")


@contextmanager
def followed(engine: EngineClient, job_id: str) -> Generator[None]:
    """Show how far a job is while the block waits for it in another way. The job need not be there yet."""
    over = threading.Event()

    def follow(show: Show) -> None:
        last = False
        while not last:
            last = over.wait(LAST_LOOK_S / 2)  # one more look, at what has come of it
            try:
                _look(engine, job_id, show)
            except SpeechError:
                continue

    with shown() as show:
        thread = threading.Thread(target=follow, args=(show,), name="progress")
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def _look(engine: EngineClient, job_id: str, show: Show) -> Fields:
    job: Fields = engine.get(f"/jobs/{job_id}")
    show(share_done(job), words_for(job))
    return job


def share_done(job: Fields) -> float:
    """The part of its text that is spoken, from 0 to 1; 0 for a context that ended without a text."""
    progress = job["progress"]
    return progress["characters_done"] / (progress["characters_total"] or 1)


def words_for(job: Fields) -> str:
    """How far a job is, beside its bar: how much can be heard, how fast it is, how long the rest will take."""
    progress: dict[str, Any] = job["progress"]
    if job["status"] == JobStatus.QUEUED and progress["queue_position"] is not None:
        return f"waiting, position {progress['queue_position']} in the queue"
    if job["status"] == JobStatus.PAUSED:
        return "paused"
    words = [f"{clock(progress['audio_seconds'])} of speech"]
    if progress["real_time_factor"]:
        words.append(f"factor {progress['real_time_factor']:.2g}")
    if progress["seconds_left"]:  # rounded up: nothing is left only when it is done
        words.append(f"{clock(math.ceil(progress['seconds_left']))} left")
    return ", ".join(words)
