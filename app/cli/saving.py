"""Audio of the engine as a file of the user's, written atomically: what was there before is replaced only
when all of it has arrived.
"""

import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from app.audio.export.audio_file import is_replaceable
from app.cli.command import CANNOT_WRITE, USAGE, Callback, CommandFailed
from app.cli.engine import ANSWER_S, EngineClient
from app.process.files import atomic_write

STDOUT = Path("-")

SUFFIX = ".wav"


def output(*, required: bool = True) -> Callable[[Callback], Callback]:
    """Add the option for the file."""
    return click.option(
        "-o",
        "--output",
        required=required,
        type=click.Path(path_type=Path, allow_dash=True),
        metavar="FILE",
        help="The WAV file to write; - is standard output.",
    )


def check(target: Path) -> None:
    """Fail now if the file cannot be written, rather than when everything else is done. Raises `CommandFailed`."""
    if target == STDOUT:
        if sys.stdout.isatty():
            raise CommandFailed(
                "a WAV file cannot be printed on a terminal; pipe it, or name a file with -o", USAGE
            )
        return
    place = target.resolve()
    if place.exists() and not place.is_file():
        raise CommandFailed(f"{target} cannot be written: it is not a regular file", CANNOT_WRITE)
    if target.suffix.lower() != SUFFIX:
        raise CommandFailed(f"{target}: only WAV files are written yet; give it the suffix {SUFFIX}", USAGE)
    try:
        if place.exists() and not is_replaceable(place):
            raise CommandFailed(
                f"{target} exists and is not a WAV file; it is left as it is, give another name", CANNOT_WRITE
            )
    except OSError as error:
        raise CommandFailed(f"{target} cannot be replaced: {error.strerror}", CANNOT_WRITE) from error
    if not place.parent.is_dir():
        raise CommandFailed(f"{target} cannot be written: the folder {place.parent} does not exist", CANNOT_WRITE)
    if not os.access(place.parent, os.W_OK | os.X_OK):
        raise CommandFailed(f"{target} cannot be written: the folder {place.parent} is not writable", CANNOT_WRITE)


def save(engine: EngineClient, path: str, target: Path, *, answer_s: float = ANSWER_S) -> None:
    """Download into the file, or to standard output. Raises `CommandFailed`."""
    if target == STDOUT:
        engine.download(path, sys.stdout.buffer, answer_s=answer_s)
        sys.stdout.buffer.flush()
        return
    with _written(target) as file:
        engine.download(path, file, answer_s=answer_s)


@contextmanager
def _written(target: Path) -> Generator[BinaryIO]:
    # A link stays one: what it points to is written.
    place = target.resolve()
    try:
        with atomic_write(place, unique=True) as file:
            yield file
    except OSError as error:
        raise CommandFailed(f"{target} cannot be written: {error.strerror}", CANNOT_WRITE) from error
