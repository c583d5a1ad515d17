"""What is done to jobs: cancel, pause, resume, retry, save. Looking at them is in `jobs.py`,
deleting them in `job_deletion.py`."""

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlencode

import click

from app.cli import completion
from app.cli.command import Command, CommandFailed, Where, which_engine
from app.cli.engine import EngineClient, RequestRefused, connected
from app.cli.finding import SHOWN, Fields, job_id_of, job_ids_of
from app.cli.saving import STDOUT, check, output, save
from app.cli.speaking import no_sound
from app.cli.terminal import note, say
from app.errors import JobNotCompleted
from app.store.rows import JobStatus

#: What is said when there is nothing left to cancel.
OUTCOMES = {JobStatus.COMPLETED: "is already completed", JobStatus.FAILED: "has already failed"}

several = click.argument("jobs", metavar="ID...", nargs=-1, required=True, shell_complete=completion.jobs)


@click.command(cls=Command)
@several
@which_engine
def cancel(jobs: tuple[str, ...], where: Where) -> None:
    """Cancel jobs. The audio so far is kept; retry continues them.

    \b
    Examples:
      q3tts jobs cancel 5c56a822
    """
    with connected(*where) as engine:
        for job in _each(engine, jobs, "cancel"):
            say(f"{job['job_id'][:SHOWN]} {OUTCOMES.get(job['status'], 'is canceled')}")


@click.command(cls=Command)
@several
@which_engine
def pause(jobs: tuple[str, ...], where: Where) -> None:
    """Pause queued or running jobs. They keep their audio and their places in the queue.

    \b
    Examples:
      q3tts jobs pause 5c56a822
    """
    with connected(*where) as engine:
        for job in _each(engine, jobs, "pause"):
            say(f"{job['job_id'][:SHOWN]} is {job['status']}")


@click.command(cls=Command)
@several
@which_engine
def resume(jobs: tuple[str, ...], where: Where) -> None:
    """Resume paused jobs.

    \b
    Examples:
      q3tts jobs resume 5c56a822
    """
    _continue(jobs, "resume", where)


@click.command(cls=Command)
@several
@which_engine
def retry(jobs: tuple[str, ...], where: Where) -> None:
    """Continue failed or canceled jobs after their audio so far.

    \b
    Examples:
      q3tts jobs retry 5c56a822
    """
    _continue(jobs, "retry", where)


@click.command("save", cls=Command)
@click.argument("job", metavar="ID", shell_complete=completion.jobs)
@output()
@click.option("--partial", is_flag=True, help="Save the audio generated so far if the job is not finished.")
@which_engine
def save_(job: str, output: Path, partial: bool, where: Where) -> None:
    """Save a job's audio as a file, in a format that the job was made in.

    \b
    Examples:
      q3tts jobs save 5c56a822 -o tide.mp3
      q3tts jobs save 5c56a822 -o so-far.wav --partial
    """
    format = check(output)
    asked = {**({} if format is None else {"format": format}), **({"partial": "true"} if partial else {})}
    with connected(*where) as engine:
        job_id = job_id_of(engine, job)
        found = engine.get(f"/jobs/{job_id}")
        silent = not found["progress"]["audio_seconds"]
        if partial and silent and found["status"] != JobStatus.COMPLETED:
            raise CommandFailed(f"the job is {found['status']} and has no audio yet")
        try:
            save(engine, f"/jobs/{job_id}/audio?{urlencode(asked)}", output)
        except RequestRefused as error:
            if error.word != JobNotCompleted.code or partial:
                raise
            status = error.details.get("status")
            raise CommandFailed(f"the job is {status}; --partial saves the audio generated so far") from error
    if silent and found["status"] == JobStatus.COMPLETED:
        note(no_sound(output))
    if output != STDOUT:
        say(str(output))


CONTROLS = (cancel, pause, resume, retry, save_)


def _continue(jobs: tuple[str, ...], action: str, where: Where) -> None:
    with connected(*where) as engine:
        for job in _each(engine, jobs, action):
            say(f"{job['job_id'][:SHOWN]} is {job['status']}")
        if engine.own:
            who = "it goes" if len(jobs) == 1 else "they go"
            note(f"no daemon runs: {who} on as soon as an engine does, such as that of q3tts serve --daemon")


def _each(engine: EngineClient, jobs: tuple[str, ...], action: str) -> Iterable[Fields]:
    for job_id in job_ids_of(engine, jobs):
        yield engine.post(f"/jobs/{job_id}/{action}")
