"""`q3tts jobs export`: the history as a file."""

import sys
from datetime import datetime
from pathlib import Path

import click

from app.cli import completion
from app.cli.command import CANNOT_WRITE, Command, CommandFailed, Where, which_engine
from app.cli.dates import Since
from app.cli.engine import connected
from app.cli.finding import query, voice_of
from app.inference.model import Lane
from app.process.files import atomic_write
from app.store.rows import JobStatus

STDOUT = Path("-")
STATUSES = tuple(status.value for status in JobStatus)
LANES = tuple(lane.value for lane in Lane)


@click.command(cls=Command)
@click.option(
    "--format",
    "kind",
    type=click.Choice(("csv", "jsonl")),
    help="A table, or a JSON document on each line.  [default: by the file's ending, else jsonl]",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True, dir_okay=False),
    default=STDOUT,
    metavar="FILE",
    help="The file to write.  [default: standard output]",
)
@click.option(
    "--status",
    multiple=True,
    type=click.Choice([status.value for status in JobStatus]),
    help="Only these; repeatable.",
)
@click.option(
    "--lane", type=click.Choice([lane.value for lane in Lane]), help="Spoken to a listener, or into a file."
)
@click.option(
    "--voice", metavar="VOICE", shell_complete=completion.voices, help="A voice's name, or the beginning of its id."
)
@click.option("--tag", help="Only those with this tag.")
@click.option("--since", type=Since(), metavar="DATE", help="A date, or how long ago: 7d, 12h, 30m.")
@which_engine
def export(
    kind: str | None,
    output: Path,
    status: tuple[str, ...],
    lane: str | None,
    voice: str | None,
    tag: str | None,
    since: datetime | None,
    where: Where,
) -> None:
    """Write the history to a file, newest first. Every filter that is given must hold.

    \b
    Examples:
      q3tts jobs export -o jobs.csv
      q3tts jobs export --since 30d --status failed | jq -r .error.message
    """
    with connected(*where) as engine:
        asked = query(
            format=kind or ("csv" if output.suffix.lower() == ".csv" else "jsonl"),
            status=list(status) or None,
            lane=lane,
            voice_id=voice_of(engine, voice)["voice_id"] if voice else None,
            tag=tag,
            created_from=since and since.isoformat(),
        )
        if output == STDOUT:
            engine.stream(f"/jobs/export?{asked}", sys.stdout.buffer)
            sys.stdout.buffer.flush()
            return
        try:
            with atomic_write(output.resolve(), unique=True) as file:
                engine.stream(f"/jobs/export?{asked}", file)
        except OSError as error:
            raise CommandFailed(f"{output} cannot be written: {error.strerror}", CANNOT_WRITE) from error
