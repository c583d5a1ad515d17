"""`q3tts "text"`: through the daemon, or through an engine that lives as long as the command."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from app.cli.command import Command, CommandFailed, Where, as_json, which_engine
from app.daemon.client import ask
from app.errors import InvalidRequest, NotRunning


@click.command(cls=Command, hidden=True)
@click.argument("words", nargs=-1)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Save a WAV file instead of playing.")
@click.option("--play", is_flag=True, help="With --output: play as well.")
@click.option("--voice", help="A voice's name, or the beginning of its id.")
@click.option("--language", help="By name or tag; auto lets the model find out.  [default: English]")
@click.option("--instruct", help="How to speak, or how the voice should sound.")
@click.option("--seed", type=click.IntRange(0), help="The same seed speaks in the same way.")
@as_json
@which_engine
def say(
    words: tuple[str, ...],
    output: Path | None,
    play: bool,
    voice: str | None,
    language: str | None,
    instruct: str | None,
    seed: int | None,
    as_json: bool,
    where: Where,
) -> None:
    """Speak text, from the arguments or from standard input.

    \b
    Examples:
      q3tts "Take good shoes."
      q3tts -o shoes.wav --language German "Nimm gute Schuhe."
      date | q3tts
    """
    request: dict[str, Any] = {"action": "generate", "text": _text(words)}
    if output is not None:
        request["output"] = str(output.absolute())
    given = {"voice": voice, "language": language, "instruct": instruct, "seed": seed, "play": play or None}
    request.update({name: value for name, value in given.items() if value is not None})
    # An interruption closes the connection, and with it the speakers fall silent.
    answer = _answered(where.socket, where.data_dir, request)
    if answer["status"] != "ok":
        raise CommandFailed(answer["message"])
    if as_json:
        click.echo(json.dumps(answer))


def _answered(path: Path, data_dir: Path | None, request: dict[str, Any]) -> dict[str, Any]:
    """By the daemon; without one by the same engine, for this one request."""
    try:
        return ask(path, request)
    except NotRunning:
        from app.cli.engine import connected

    with connected(path, data_dir) as engine:
        return ask(engine.socket_path, request)


def _text(words: tuple[str, ...]) -> str:
    if words and words != ("-",):
        return " ".join(words)
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"standard input is not UTF-8 at byte {error.start:,}; convert it first") from error
