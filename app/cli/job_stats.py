"""`q3tts jobs stats`: totals over all jobs that there ever were."""

from datetime import UTC, datetime

import click

from app.cli import completion
from app.cli.command import Command, Where, as_json, which_engine
from app.cli.dates import Since
from app.cli.engine import EngineClient, connected
from app.cli.finding import SHOWN, Fields, query, voice_of
from app.cli.terminal import Column, clock, note, print_json, print_table
from app.inference.model import Lane

#: What jobs are grouped by: the option's word, and the field of the answer.
GROUPS = {"day": "day", "model": "model_id", "voice": "voice_id", "lane": "lane"}

SUMS = (
    Column("JOBS", right=True),
    Column("FAILED", right=True),
    Column("CHARACTERS", right=True),
    Column("AUDIO", right=True),
    Column("WORK", right=True),
    Column("REFUSED", right=True),
)


@click.command(cls=Command)
@click.option("--by", multiple=True, type=click.Choice(tuple(GROUPS)), help="A line for each; repeatable.")
@click.option(
    "--since", type=Since(), metavar="DATE", help="From a day in UTC on: a date, or how long ago, as in 7d."
)
@click.option(
    "--lane", type=click.Choice([lane.value for lane in Lane]), help="Spoken to a listener, or into a file."
)
@click.option(
    "--voice", metavar="VOICE", shell_complete=completion.voices, help="A voice's name, or the beginning of its id."
)
@as_json
@which_engine
def stats(
    by: tuple[str, ...], since: datetime | None, lane: str | None, voice: str | None, as_json: bool, where: Where
) -> None:
    """Show how much has been spoken, deleted jobs included.

    WORK is the time for which jobs were running, REFUSED how many takes were not good enough and were spoken again.

    \b
    Examples:
      q3tts jobs stats
      q3tts jobs stats --by day --since 30d
      q3tts jobs stats --by voice --by lane --json
    """
    groups = list(dict.fromkeys(by))
    with connected(*where) as engine:
        asked = query(
            by=groups or None,
            first_day=since and since.astimezone(UTC).date().isoformat(),
            lane=lane,
            voice_id=voice_of(engine, voice)["voice_id"] if voice else None,
        )
        found = engine.get(f"/jobs/stats?{asked}")
        if as_json:
            print_json(found)
            return
        if not found["total"]["jobs"]:
            note("there are no such jobs" if since or lane or voice else "there are no jobs yet")
            return
        names = _voice_names(engine) if "voice" in groups else {}
    rows = [[*(_shown(group, one, names) for group in groups), *_sums(one)] for one in found["groups"]]
    total = [*("total" if at == 0 else "" for at in range(len(groups))), *_sums(found["total"])]
    print_table([*(Column(group.upper(), cut=True) for group in groups), *SUMS], [*rows, total])


def _voice_names(engine: EngineClient) -> dict[str, str]:
    return {voice["voice_id"]: voice["display_name"] for voice in engine.get("/voices")["voices"]}


def _shown(group: str, one: Fields, names: dict[str, str]) -> str:
    """A voice by its name, or, when it has been deleted, by the beginning of its id."""
    value: str = one[GROUPS[group]]
    return names.get(value, value[:SHOWN]) if group == "voice" else value


def _sums(one: Fields) -> list[str]:
    return [
        *(f"{one[name]:,}" for name in ("jobs", "failed", "characters")),
        *(clock(one[name]) for name in ("audio_seconds", "work_seconds")),
        f"{one['refused_takes']:,}",
    ]
