"""`q3tts jobs`: the history, and one job of it. What is done to jobs is in `job_control.py`."""

import sys
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import quote

import click

from app.cli import completion
from app.cli.command import Group, Where, as_json, which_engine
from app.cli.dates import Since
from app.cli.engine import EngineClient, RequestRefused, connected
from app.cli.finding import SHOWN, Fields, job_id_of, jobs_matching, voice_of
from app.cli.job_control import CONTROLS
from app.cli.job_deletion import delete
from app.cli.job_export import export
from app.cli.job_pruning import prune
from app.cli.job_stats import stats
from app.cli.terminal import (
    Column,
    clock,
    local_time,
    note,
    print_facts,
    print_json,
    print_table,
    size,
    speed,
)
from app.inference.model import Lane
from app.store.rows import JobStatus

STATUSES = tuple(status.value for status in JobStatus)
LANES = tuple(lane.value for lane in Lane)
COLORS: Mapping[str, str] = {
    JobStatus.COMPLETED: "green",
    JobStatus.RUNNING: "yellow",
    JobStatus.FAILED: "red",
}

USUAL_CHUNK = 400

#: How many jobs are listed on a terminal when nobody says how many.
PAGE = 20

COLUMNS = (
    Column("ID"),
    Column("LANE"),
    Column("STATUS", colors=COLORS),
    Column("CREATED"),
    Column("AUDIO", right=True),
    Column("TITLE", cut=True),
)


@click.group(cls=Group)
def jobs() -> None:
    """List jobs, look at one, and control it.

    An ID may be the beginning of one, 4 characters or more.

    \b
    Examples:
      q3tts jobs                      the newest ones
      q3tts jobs --status failed
      q3tts jobs show 5c56a822
    """


@jobs.command("list")
@click.option("--status", multiple=True, type=click.Choice(STATUSES), help="Only these; repeatable.")
@click.option("--lane", type=click.Choice(LANES), help="Spoken to a listener, or into a file.")
@click.option(
    "--voice", metavar="VOICE", shell_complete=completion.voices, help="A voice's name, or the beginning of its id."
)
@click.option(
    "--text",
    metavar="WORDS",
    help="Words in the title or the text, 3 characters or more, or 2 of a script without spaces.",
)
@click.option("--tag", help="Only those with this tag.")
@click.option("--since", type=Since(), metavar="DATE", help="A date, or how long ago: 7d, 12h, 30m.")
@click.option("--all", "every", is_flag=True, help="All of them.  [default: in a pipe, and with --json]")
@click.option(
    "--limit", type=click.IntRange(min=1), help=f"Maximum number of jobs to list.  [default: {PAGE} on a terminal]"
)
@as_json
@which_engine
def list_(
    status: tuple[str, ...],
    lane: str | None,
    voice: str | None,
    text: str | None,
    tag: str | None,
    since: datetime | None,
    every: bool,
    limit: int | None,
    as_json: bool,
    where: Where,
) -> None:
    """List jobs, newest first. Every filter that is given must hold.

    \b
    Examples:
      q3tts jobs list --status queued --status running
      q3tts jobs list --since 7d --text lighthouse --all
      q3tts jobs --json | jq -r '.jobs[].job_id'
    """
    if every and limit is not None:
        raise click.UsageError("--all and --limit exclude each other")
    if limit is None and not (every or as_json) and sys.stdout.isatty():
        limit = PAGE
    with connected(*where) as engine:
        filters: Fields = {
            "status": list(status) or None,
            "lane": lane,
            "voice_id": voice_of(engine, voice)["voice_id"] if voice else None,
            "text": text,
            "tag": tag,
            "created_from": since and since.isoformat(),
        }
        found, cursor = jobs_matching(engine, filters, limit)
    if as_json:
        print_json({"jobs": found, "next_cursor": cursor})
    elif found:
        print_table(COLUMNS, [_row(job) for job in found])
    else:
        note("there are no such jobs" if any(filters.values()) else "there are no jobs yet")
    if cursor is not None and not as_json:
        shown = "this one" if len(found) == 1 else f"these {len(found)}"
        note(f"there are more than {shown}; see all of them with: --all")


@jobs.command()
@click.argument("job", metavar="ID", shell_complete=completion.jobs)
@as_json
@which_engine
def show(job: str, as_json: bool, where: Where) -> None:
    """Show everything about a job.

    \b
    Examples:
      q3tts jobs show 5c56a822
      q3tts jobs show 5c56a822 --json | jq .progress
    """
    with connected(*where) as engine:
        job_id = job_id_of(engine, job)
        found = engine.get(f"/jobs/{job_id}")
        if as_json:
            print_json(found)
            return
        files = engine.get(f"/jobs/{job_id}/artifacts")["artifacts"]
        print_facts(_facts(found, _voice_name(engine, found), files))


for _control in (*CONTROLS, delete, export, prune, stats):
    jobs.add_command(_control)


def _row(job: Fields) -> list[str]:
    return [
        job["job_id"][:SHOWN],
        job["lane"],
        _status(job),
        local_time(job["created_at"]),
        clock(job["progress"]["audio_seconds"]),
        job["title"] or "",
    ]


def _status(job: Fields) -> str:
    """With how far it is, as long as there is something left."""
    progress = job["progress"]
    if job["status"] == JobStatus.COMPLETED or not progress["characters_done"]:
        return job["status"]
    return f"{job['status']} {100 * progress['characters_done'] // progress['characters_total']}%"


def _facts(job: Fields, voice: str, files: list[Fields]) -> dict[str, str]:
    progress, error = job["progress"], job["error"]
    left, place, total = progress["seconds_left"], progress["queue_position"], progress["chunks_total"]
    return {
        "id": job["job_id"],
        "title": job["title"] or "",
        "tags": ", ".join(job["tags"]),
        "lane": job["lane"],
        "status": _status(job)
        + (f", position {place} in the queue" if place else "")
        + (f", {clock(left)} left" if left else ""),
        "error": f"{error['code']}: {error['message']}" if error else "",
        "voice": voice,
        "model": job["model_id"],
        "language": job["language"],
        "settings": ", ".join(_chosen(job["settings"])),
        "seed": str(job["seed"]),
        "text": f"{progress['characters_total']:,} characters",
        "chunks": "" if total is None else f"{progress['chunks_done']} of {total}",
        "audio": f"{clock(progress['audio_seconds'])}, {speed(progress['real_time_factor'])}".rstrip(", "),
        "created": local_time(job["created_at"], exact=True),
        "started": local_time(job["started_at"], exact=True),
        "finished": local_time(job["finished_at"], exact=True),
        "files": ", ".join(f"{file['format']}, {size(file['bytes'])}" for file in files),
        "warnings": "; ".join(f"chunk {one.get('chunk_index')}: {one.get('message')}" for one in job["warnings"]),
    }


def _chosen(settings: Fields) -> list[str]:
    """What is not as usual."""
    usual = {"rate": 1.0, "pitch": 1.0, "volume": 1.0, "allow_gaps": False, "instruct": "", "text_layout": "before"}
    plain = {name: value for name, value in settings.items() if name != "chunking"}
    chosen = [
        f"{name.replace('_', ' ')} {value}"
        for name, value in plain.items()
        if value is not None and usual.get(name) != value
    ]
    most = settings["chunking"]["max_chars"]
    return chosen if most == USUAL_CHUNK else [*chosen, f"at most {most} characters a chunk"]


def _voice_name(engine: EngineClient, job: Fields) -> str:
    """A voice may have been deleted since."""
    try:
        voice = engine.get(f"/voices/{quote(job['voice_id'])}")
    except RequestRefused:
        return f"{job['voice_id'][:SHOWN]}, deleted"
    return f"{voice['display_name']} ({voice['voice_id'][:SHOWN]})"
