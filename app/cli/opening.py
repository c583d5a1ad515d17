"""`q3tts open`: a job's file, or the data folder, in the program that the desktop has for it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from app.cli import completion
from app.cli.command import UNAVAILABLE, Command, CommandFailed, Where, which_engine
from app.cli.engine import EngineClient, connected, data_folder
from app.cli.finding import SHOWN, job_id_of
from app.cli.terminal import say
from app.process.executable import outside

#: A desktop on Linux is reached through one of them.
DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")


@click.command("open", cls=Command)
@click.argument("job", metavar="[ID]", required=False, shell_complete=completion.jobs)
@which_engine
def open_(job: str | None, where: Where) -> None:
    """Open a completed job's file; without an ID, the data folder.

    \b
    Examples:
      q3tts open 5c56a822
      q3tts open
    """
    if job is None:
        place = data_folder(*where)
        if not place.is_dir():
            raise CommandFailed(f"there is no data folder yet: no engine has ever run with {place}", UNAVAILABLE)
    else:
        with connected(*where) as engine:
            place = _file(engine, job_id_of(engine, job))
    say(str(place))
    _shown(place)


def _file(engine: EngineClient, job_id: str) -> Path:
    """Where the job's file is. Raises `CommandFailed`."""
    made = engine.get(f"/jobs/{job_id}/artifacts")["artifacts"]
    if not made:
        status = engine.get(f"/jobs/{job_id}")["status"]
        raise CommandFailed(f"the job {job_id[:SHOWN]} has no file: it is {status}")
    place = engine.data_dir / "jobs" / job_id / f"audio.{made[0]['format']}"
    if not place.is_file():
        raise CommandFailed(f"the file of the job {job_id[:SHOWN]} is gone from {place.parent}")
    return place


def _shown(place: Path) -> None:
    program = "open" if sys.platform == "darwin" else "xdg-open"
    if shutil.which(program) is None:
        raise CommandFailed(f"there is no program {program} to open it with", UNAVAILABLE)
    # Its words are for those who look for a mistake in their desktop, and come in the middle of anything.
    opened = subprocess.run(
        [program, place], capture_output=True, text=True, errors="replace", check=False, env=outside()
    )
    if opened.returncode:
        raise CommandFailed(_reason(program, opened.stderr.split("\n"), opened.returncode), UNAVAILABLE)


def _reason(program: str, said: Sequence[str], code: int) -> str:
    """In one sentence. xdg-open tries one browser after the other, and says of each that it is not there."""
    if sys.platform != "darwin" and not any(map(os.environ.get, DISPLAYS)):
        return f"{program} could not open it: there is no desktop here"
    last = next((line.strip() for line in reversed(said) if line.strip()), f"it ended with {code}")
    return f"{program} could not open it: {last.removeprefix(f'{program}: ')}"
