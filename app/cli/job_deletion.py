"""`q3tts jobs delete`: the jobs that are named, or all that match, after a question."""

import sys
from datetime import datetime

import click

from app.cli import completion
from app.cli.command import USAGE, Command, CommandFailed, Where, which_engine
from app.cli.dates import Since
from app.cli.engine import DELETING_S, connected
from app.cli.finding import SHOWN, Fields, job_ids_of, query
from app.cli.terminal import clock, counted, note, say
from app.store.rows import JobStatus


@click.command(cls=Command)
@click.argument("jobs", metavar="[ID...]", nargs=-1, shell_complete=completion.jobs)
@click.option(
    "--status",
    multiple=True,
    type=click.Choice([status.value for status in JobStatus]),
    help="All of this status; repeatable.",
)
@click.option(
    "--older-than",
    "before",
    type=Since(),
    metavar="DATE",
    help="All made before a date, or that long ago: 7d, 12h.",
)
@click.option("--all", "every", is_flag=True, help="All jobs.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@which_engine
def delete(
    jobs: tuple[str, ...],
    status: tuple[str, ...],
    before: datetime | None,
    every: bool,
    yes: bool,
    where: Where,
) -> None:
    """Delete jobs, their audio and their files. Those that are not final are canceled first.

    Jobs are named by ID, or chosen with --status and --older-than, both of which must hold. Before the chosen ones
    are deleted you are asked.

    \b
    Examples:
      q3tts jobs delete 5c56a822 4a5dbc6d
      q3tts jobs delete --status failed --status canceled
      q3tts jobs delete --status completed --older-than 30d --yes
    """
    chosen = bool(status) or before is not None
    if bool(jobs) + chosen + every != 1:
        raise click.UsageError("give the ids of jobs, or --status and --older-than, or --all")
    with connected(*where) as engine:
        if jobs:
            for job_id in job_ids_of(engine, jobs):
                engine.delete(f"/jobs/{job_id}")
                say(f"{job_id[:SHOWN]} is deleted")
            return
        filters = query(
            status=list(status) or None,
            created_before=before and before.isoformat(),
            all="true" if every else None,
        )
        found = engine.delete(f"/jobs?{filters}&dry_run=true", answer_s=DELETING_S)
        if not found["jobs"]:
            note("there are no such jobs" if chosen else "there are no jobs")
            return
        if not yes:
            _ask(found)
        found = engine.delete(f"/jobs?{filters}&expected={found['jobs']}", answer_s=DELETING_S)
        say(f"{counted(found['jobs'])} deleted")


def _ask(found: Fields) -> None:
    """Raises `CommandFailed` where nobody can be asked, or the answer is no."""
    what = f"{counted(found['jobs'])} with {clock(found['audio_seconds'])} of speech"
    if found["unfinished"]:
        what += f", {found['unfinished']:,} of them not finished"
    if not sys.stdin.isatty():
        raise CommandFailed(f"{what} would be deleted; nobody can be asked here, so say it with --yes", USAGE)
    if not click.confirm(f"Delete {what}?", err=True):
        raise CommandFailed("nothing is deleted")
