"""The command `q3tts`. Light: what a command does not need, it does not import."""

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem, add_completion_class

from app import __version__
from app.cli.command import OneLine, options_of
from app.cli.completion import VARIABLE
from app.cli.misread import refuse_command
from app.cli.serve import serve
from app.cli.streams import UNWRITABLE, abandon_output, prepare_streams
from app.cli.terminal import error_line
from app.errors import NotRunning, SpeechError, StartFailed
from app.process.ending import end_now
from app.process.executable import end_with_bootloader
from app.process.leftovers import hold_unpacked

#: Where the commands are that are loaded when they are called. In this order they are shown.
_COMMANDS = {
    "stop": "daemon:stop",
    "status": "daemon:status",
    "render": "render:render",
    "jobs": "jobs:jobs",
    "voices": "voices:voices",
    "clone": "voices:clone",
    "design": "voices:design",
    "models": "models:models",
    "logs": "logs:logs",
    "open": "opening:open_",
    "mcp": "mcp:mcp",
    "service": "service:service",
    "selftest": "selftest:selftest",
    "completion": "help:completion",
    "help": "help:help_",
    "say": "say:say",
}


class _Commands(OneLine, click.Group):
    """Whatever is neither a command nor an option of its own is text to speak."""

    command_class = OneLine

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if ctx.resilient_parsing:  # somebody asks how a word could go on
            if args and args[0] == "help":
                args = args[1:]
            elif args and args[0] not in self.list_commands(ctx):
                args = ["say", *args]
        elif not args and not sys.stdin.isatty():
            args = ["say"]
        elif args and args[0] == "help":
            args = [*args[1:], "--help"]
        elif args and args[0] not in (*self.list_commands(ctx), "-h", "--help", "--version"):
            refuse_command(args, self.list_commands(ctx), lambda name: self.get_command(ctx, name))
            args = ["say", *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[Any]]:
        """Commands, and the options for speaking."""
        return [*super().shell_complete(ctx, incomplete), *options_of(self, "say", ctx, incomplete)]

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *_COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(f"app.cli.{module}"), name)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "Q3TTS"})
@click.version_option(__version__, prog_name="q3tts")
def cli() -> None:
    """Text in, speech out, on this machine.

    \b
    Examples:
      q3tts "Take good shoes."           speaks
      q3tts -o shoes.wav "Good shoes."   saves a file
      q3tts say --help                   all options for speaking
      q3tts help render                  all options of a command
    """


cli.add_command(serve)


@cli.command(hidden=True)
@click.argument("family")
@click.argument("folder", type=click.Path(path_type=Path), required=False)
def worker(family: str, folder: Path | None) -> None:
    """Be the process that owns the model. The engine starts it; nobody else does."""
    from app.workers.synthesis.load import load
    from app.workers.synthesis.main import main as work

    end_now(work(lambda: load(family, folder)))


@cli.command(hidden=True)
@click.argument("repository")
@click.argument("revision")
@click.argument("folder", type=click.Path(path_type=Path))
def fetch(repository: str, revision: str, folder: Path) -> None:
    """Be the process that downloads a model. The engine starts it."""
    from app.workers.download.fetch import main as download

    end_now(download(repository, revision, folder))


@cli.command(hidden=True)
def decode() -> None:
    """Be the process that reads an untrusted recording. The engine starts it."""
    from app.workers.recording.main import main as read

    end_now(read())


@cli.command(hidden=True)
@click.argument("folder", type=click.Path(path_type=Path))
def transcribe(folder: Path) -> None:
    """Be the process that turns a recording into text. The engine starts it."""
    from app.workers.synthesis.mlx_runtime import prepare
    from app.workers.transcription import main as listen

    prepare()
    end_now(listen(folder))


def main() -> None:
    """Run the command line; what fails says why in one line."""
    end_with_bootloader()
    hold_unpacked()
    prepare_streams()
    try:
        if VARIABLE in os.environ:
            from app.cli.completing import Bash

            add_completion_class(Bash)
        cli(complete_var=VARIABLE)  # whatever the program is called
    except SpeechError as error:
        click.echo(error_line(str(error)), err=True)
        sys.exit(exit_code_of(error))
    except OSError as error:
        if error.filename is not None or error.errno not in UNWRITABLE:
            raise
        from app.cli.command import CANNOT_WRITE

        abandon_output()
        click.echo(f"q3tts: standard output cannot be written: {error.strerror}", err=True)
        sys.exit(CANNOT_WRITE)


def exit_code_of(error: SpeechError) -> int:
    """Where something failed, as BSD's sysexits have it; 1 when the engine refused."""
    if isinstance(error, StartFailed):
        return error.exit_code
    return 69 if isinstance(error, NotRunning) else 1
