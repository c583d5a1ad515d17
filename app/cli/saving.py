"""Audio of the engine as a file of the user's, written atomically: what was there before is replaced only
when all of it has arrived.
"""

import os
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from app.audio.export.audio_file import is_replaceable
from app.audio.export.formats import FILE_FORMATS, endings, format_of
from app.cli.command import CANNOT_WRITE, USAGE, Callback, CommandFailed
from app.cli.engine import ANSWER_S, EngineClient
from app.process.files import atomic_write

STDOUT = Path("-")


def output(
    *,
    required: bool = True,
    help_text: str = "The file to write, whose ending decides its format; - is standard output.",
) -> Callable[[Callback], Callback]:
    """Add the option for the file."""
    return click.option(
        "-o",
        "--output",
        required=required,
        type=click.Path(path_type=Path, allow_dash=True),
        metavar="FILE",
        help=help_text,
    )


def check(target: Path, *, formats: Sequence[str] = FILE_FORMATS) -> str | None:
    """Fail now if the file cannot be written, rather than when everything else is done.

    Gives its format, which the ending decides; None for standard output. Raises `CommandFailed`.
    """
    if target == STDOUT:
        if sys.stdout.isatty():
            raise CommandFailed(
                "an audio file cannot be printed on a terminal; pipe it, or name a file with -o", USAGE
            )
        return None
    place = target.resolve()
    if place.exists() and not place.is_file():
        raise CommandFailed(f"{target} cannot be written: it is not a regular file", CANNOT_WRITE)
    format = format_of(target)
    if format not in formats:
        raise CommandFailed(
            f"{target}: the ending says which kind of file it will be; it can be {endings(formats)}", USAGE
        )
    try:
        if place.exists() and not is_replaceable(place):
            raise CommandFailed(
                f"{target} exists and is not an audio file; it is left as it is, give another name", CANNOT_WRITE
            )
    except OSError as error:
        raise CommandFailed(f"{target} cannot be replaced: {error.strerror}", CANNOT_WRITE) from error
    if not place.parent.is_dir():
        raise CommandFailed(f"{target} cannot be written: the folder {place.parent} does not exist", CANNOT_WRITE)
    if not os.access(place.parent, os.W_OK | os.X_OK):
        raise CommandFailed(f"{target} cannot be written: the folder {place.parent} is not writable", CANNOT_WRITE)
    return format


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
