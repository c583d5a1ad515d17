"""`q3tts jobs prune`: the oldest jobs go until what is left is within limits, after a question."""

import sys

import click

from app.cli.command import USAGE, Command, CommandFailed, Where, as_json, which_engine
from app.cli.engine import DELETING_S, connected
from app.cli.finding import Fields
from app.cli.sizes import Size
from app.cli.terminal import counted, note, print_json, say, size


@click.command(cls=Command)
@click.option(
    "--keep-days",
    type=click.FloatRange(min=0, min_open=True),
    metavar="DAYS",
    help="Delete jobs that ended this long ago.",
)
@click.option("--keep-jobs", type=click.IntRange(min=1), metavar="COUNT", help="Keep at most this many.")
@click.option("--keep-size", type=Size(), metavar="SIZE", help="Keep at most this much audio, as in 20G.")
@click.option("--dry-run", is_flag=True, help="Only count.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@as_json
@which_engine
def prune(
    keep_days: float | None,
    keep_jobs: int | None,
    keep_size: int | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    where: Where,
) -> None:
    """Delete the oldest jobs that are beyond the limits.

    Only jobs that have ended go. Without a limit here, those that the engine was started with count. Jobs that
    somebody hears, follows or downloads at the moment stay.

    \b
    Examples:
      q3tts jobs prune --keep-days 30 --dry-run
      q3tts jobs prune --keep-size 20G --keep-jobs 1000 --yes
    """
    limits: Fields = {"keep_days": keep_days, "keep_jobs": keep_jobs, "keep_bytes": keep_size}
    with connected(*where) as engine:
        found: Fields = engine.post("/jobs/prune", {**limits, "dry_run": True}, answer_s=DELETING_S)
        if not dry_run:
            if found["jobs"] and not yes:
                _ask(found)
            found = engine.post("/jobs/prune", {**limits, "dry_run": False}, answer_s=DELETING_S)
    if as_json:
        print_json(found)
        return
    in_use = f"; {counted(found['in_use'])} in use" if found["in_use"] else ""
    if not found["jobs"]:
        note(f"all jobs are within the limits{in_use}")
    else:
        say(f"{_what(found)} {'deleted' if found['deleted'] else 'would be deleted'}{in_use}")


def _what(found: Fields) -> str:
    return f"{counted(found['jobs'])} with {size(found['bytes'])} of audio"


def _ask(found: Fields) -> None:
    """Raises `CommandFailed` where nobody can be asked, or the answer is no."""
    if not sys.stdin.isatty():
        why = "would be deleted; nobody can be asked here, so say it with --yes"
        raise CommandFailed(f"{_what(found)} {why}", USAGE)
    if not click.confirm(f"Delete {_what(found)}?", err=True):
        raise CommandFailed("nothing is deleted")
