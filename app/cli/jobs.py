"""`q3tts jobs`: the history, and one job of it. What is done to jobs is in `job_control.py`."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import click

from app.cli.command import Group, Where, as_json, which_engine
from app.cli.engine import EngineClient, RequestRefused, connected
from app.cli.finding import PAGE, SHOWN, Fields, job_id_of, query, voice_of
from app.cli.job_control import CONTROLS
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

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

USUAL_CHUNK = 400

COLUMNS = (
    Column("ID"),
    Column("LANE"),
    Column("STATUS", colors=COLORS),
    Column("CREATED"),
    Column("AUDIO", right=True),
    Column("TITLE", cut=True),
)


class Since(click.ParamType[datetime, str | datetime]):
    """A moment: a date, a date and a time, or how long ago it was."""

    name = "date"

    def convert(self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """From what was given; a time without a zone is one of here."""
        if isinstance(value, datetime):
            return value
        now = datetime.now(UTC)
        try:
            if ago := re.fullmatch(r"(\d{1,6})([mhdw])", value):
                return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
            return datetime.fromisoformat(value).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is neither like 2026-11-21, nor like 7d, 12h or 30m", param, ctx)


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
@click.option("--voice", metavar="VOICE", help="A voice's name, or the beginning of its id.")
@click.option("--text", metavar="WORDS", help="Words in the title or the text, 3 characters or more.")
@click.option("--tag", help="Only those with this tag.")
@click.option("--since", type=Since(), metavar="DATE", help="A date, or how long ago: 7d, 12h, 30m.")
@click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(min=1), help="Maximum number of jobs to list."
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
    limit: int,
    as_json: bool,
    where: Where,
) -> None:
    """List jobs, newest first. Every filter that is given must hold.

    \b
    Examples:
      q3tts jobs list --status queued --status running
      q3tts jobs list --since 7d --text lighthouse --limit 100
      q3tts jobs --json | jq -r '.jobs[].job_id'
    """
    with connected(*where) as engine:
        filters: Fields = {
            "status": list(status) or None,
            "lane": lane,
            "voice_id": voice_of(engine, voice)["voice_id"] if voice else None,
            "text": text,
            "tag": tag,
            "created_from": since and since.isoformat(),
        }
        found, cursor = _pages(engine, filters, limit)
    if as_json:
        print_json({"jobs": found, "next_cursor": cursor})
        return
    if not found:
        note("there are no such jobs" if any(filters.values()) else "there are no jobs yet")
        return
    print_table(COLUMNS, [_row(job) for job in found])
    if cursor is not None:
        note(f"there are more; see them with: --limit {limit * 5}")


@jobs.command()
@click.argument("job", metavar="ID")
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


for _control in CONTROLS:
    jobs.add_command(_control)


def _pages(engine: EngineClient, filters: Fields, limit: int) -> tuple[list[Fields], str | None]:
    """The first jobs of the history, as many as wanted; and where the next ones are."""
    found: list[Fields] = []
    cursor: str | None = None
    while len(found) < limit:
        page = engine.get(f"/jobs?{query(**filters, limit=min(limit - len(found), PAGE), cursor=cursor)}")
        found += page["jobs"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    return found, cursor


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
