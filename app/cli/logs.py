"""`q3tts logs`: what the engine has written into its log. The file is read and no engine is asked, so that the log
of one that has failed can be read, too.
"""

import os
import time
from collections import deque
from collections.abc import Generator
from itertools import chain
from pathlib import Path
from typing import IO

import click

from app.cli.command import UNAVAILABLE, Command, CommandFailed, Where, which_engine
from app.cli.engine import data_folder
from app.cli.terminal import say
from app.config import LOG_FILE

#: Between two looks for new lines, in seconds.
LOOK_S = 0.2


@click.command(cls=Command)
@click.option("-f", "--follow", is_flag=True, help="Wait for more, until Ctrl-C.")
@click.option(
    "-n", "--lines", default=50, show_default=True, type=click.IntRange(min=0), help="Number of lines to show."
)
@which_engine
def logs(follow: bool, lines: int, where: Where) -> None:
    """Show the last lines of the engine's log.

    \b
    Examples:
      q3tts logs -n 200
      q3tts logs -f | grep WARNING
    """
    path = data_folder(*where) / LOG_FILE
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in deque(chain(_before(path), file), lines):
                say(line.removesuffix("\n"))
            if follow:
                for line in _coming(path, file):
                    say(line)
    except FileNotFoundError:
        raise CommandFailed(
            f"there is no log yet: no engine has ever been ready with {path.parent}", UNAVAILABLE
        ) from None
    except PermissionError as error:
        raise CommandFailed(f"{path} cannot be read: {error.strerror}") from error


def _before(path: Path) -> Generator[str]:
    """The lines of the file that was the log before it became too large."""
    try:
        with path.with_name(f"{path.name}.1").open(encoding="utf-8", errors="replace") as file:
            yield from file
    except FileNotFoundError:
        return


def _coming(path: Path, file: IO[str]) -> Generator[str]:
    """Lines as they come, after what has been read; then those of the next file, once this one is too large."""
    part = ""
    while True:
        replaced = _is_another(path, file)
        while piece := file.readline():
            part += piece
            if part.endswith("\n"):
                yield part.removesuffix("\n")
                part = ""
        if replaced:  # looked at before reading: nothing was written to the old one after that
            file.close()
            file = path.open(encoding="utf-8", errors="replace")
        else:
            time.sleep(LOOK_S)


def _is_another(path: Path, file: IO[str]) -> bool:
    try:
        return path.stat().st_ino != os.fstat(file.fileno()).st_ino
    except FileNotFoundError:  # for a moment there is none
        return False
