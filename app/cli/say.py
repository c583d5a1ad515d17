"""`q3tts "text"`: through the daemon, or through an engine that lives as long as the command."""

import json
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import click

from app.audio.export.formats import endings, format_of
from app.cli.command import USAGE, Command, CommandFailed, Where, as_json, which_engine
from app.cli.misread import refuse_files
from app.cli.reading import STDIN, encoding, read_text
from app.cli.speaking import given, no_sound, speaking
from app.cli.wording import for_people
from app.daemon.client import ask
from app.errors import NoSpeakers, NotRunning, Unauthorized

#: In front of words that are text for certain: they are not read as options, nor taken for files. No argument can
#: contain it.
_NO_OPTION = "\0"


class Say(Command):
    """The command whose arguments are text: words after a dash, such as "-ology is a suffix", are not options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Mark what begins with a dash and has spaces, where an option could be."""
        valued = {
            name for option in self.get_params(ctx) if not getattr(option, "is_flag", True) for name in option.opts
        }
        marked: list[str] = []
        for index, word in enumerate(args):
            if word == "--":
                marked += [word, *(_NO_OPTION + text for text in args[index + 1 :])]
                break
            is_value = index > 0 and args[index - 1] in valued
            is_text = word.startswith("-") and any(map(str.isspace, word)) and word.partition("=")[0] not in valued
            marked.append(_NO_OPTION + word if is_text and not is_value else word)
        return super().parse_args(ctx, marked)


@click.command(cls=Say, hidden=True)
@click.argument("words", nargs=-1)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Save a file instead of playing; its ending decides the format.",
)
@click.option("--play", is_flag=True, help="With --output: play as well.")
@speaking
@encoding
@as_json
@which_engine
def say(
    words: tuple[str, ...],
    output: Path | None,
    play: bool,
    encoding: str | None,
    as_json: bool,
    where: Where,
    **speech: Any,
) -> None:
    """Speak text, from the arguments or from standard input.

    \b
    Examples:
      q3tts "Take good shoes."
      q3tts -o shoes.mp3 --language German "Nimm gute Schuhe."
      date | q3tts
    """
    if output is not None and format_of(output) is None:
        why = f"the name of a file ends in {endings()}, and that of -o {output} does not"
        raise CommandFailed(f"{why}; if it is a text that begins with a dash, put -- before it", USAGE)
    request: dict[str, Any] = {"action": "generate", "text": _text(words, encoding, output), **given(**speech)}
    if output is not None:
        request["output"] = str(output.absolute())
    if play:
        request["play"] = True
    # An interruption closes the connection, and with it the speakers fall silent.
    answer = _answered(where, request, watched=sys.stderr.isatty() and not as_json)
    if answer["status"] != "ok":
        raise CommandFailed(_reason(answer))
    if answer.get("audio_seconds") == 0:
        click.echo(no_sound(output), err=True)
    if as_json:
        click.echo(json.dumps(answer))


def _answered(where: Where, request: dict[str, Any], *, watched: bool) -> dict[str, Any]:
    """By the daemon; without one by the same engine, for this one request."""
    if not watched and where.data_dir is None:
        try:
            return ask(where.socket, request)
        except NotRunning:
            pass
    from app.cli.engine import connected

    try:
        with connected(*where) as engine:
            if not watched:
                return ask(engine.socket_path, request)
            from app.cli.watching import followed

            job_id = str(uuid4())
            with followed(engine, job_id):
                return ask(engine.socket_path, {**request, "job_id": job_id})
    except Unauthorized:  # the socket needs no token; without one the job cannot be watched
        return ask(where.socket, request)


def _reason(answer: dict[str, Any]) -> str:
    message = for_people(answer["message"])
    if answer.get("code") == NoSpeakers.code and "-o FILE" not in message:
        return f"{message}; or save a file: q3tts -o FILE TEXT"
    return message


def _text(words: tuple[str, ...], encoding: str | None, output: Path | None) -> str:
    if words and words != (str(STDIN),):
        if not any(word.startswith(_NO_OPTION) for word in words):
            refuse_files(words, output)
        return " ".join(word.removeprefix(_NO_OPTION) for word in words)
    return read_text(STDIN, encoding)
