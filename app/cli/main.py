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
from app.cli.completion import VARIABLE, models
from app.cli.folders import folder_or_name
from app.cli.misread import refuse_command
from app.cli.streams import UNWRITABLE, abandon_output, prepare_streams
from app.cli.terminal import error_line
from app.config import DEFAULT_HOST, DEFAULT_IDLE_UNLOAD_S, DEFAULT_PORT, TAURI_ORIGINS, EngineKind
from app.daemon.protocol import default_socket
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


@cli.command()
@click.option("--for-command", is_flag=True, hidden=True, help="Started by a command, as a sidecar.")
@click.option("--host", default=DEFAULT_HOST, show_default=True, help="Loopback address to listen on.")
@click.option(
    "--port", default=DEFAULT_PORT, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one."
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where everything is kept.  [default: the user's data folder]",
)
@click.option(
    "--model",
    metavar="MODEL",
    shell_complete=models,
    callback=folder_or_name,
    help="The active model: an id, a repository, or a folder.  "
    "[default: the one last chosen with models use, at first espeak-ng]",
)
@click.option(
    "--models-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the models are.  [default: models in the data folder]",
)
@click.option(
    "--token",
    envvar="Q3TTS_TOKEN",
    hidden=True,  # for the environment; a command line can be read by everybody on the machine
    help="What clients must send.  [default: a new one at each start]",
)
@click.option(
    "--allow-origin",
    multiple=True,
    metavar="ORIGIN",
    help="A web page's origin that may use the engine; repeatable.  [default: Tauri's]",
)
@click.option(
    "--idle-unload",
    default=DEFAULT_IDLE_UNLOAD_S,
    show_default=True,
    type=click.FloatRange(min=0.1),
    metavar="SECONDS",
    help="End the model's process after this long without work.",
)
@click.option("--audio-links", is_flag=True, help="Allow links to a job's audio that need no token.")
@click.option(
    "--socket",
    "socket_path",
    type=click.Path(path_type=Path),
    envvar="Q3TTS_SOCKET",
    help="Where the command line finds it.  [default: ~/.q3tts.sock]",
)
@click.option("--daemon", is_flag=True, help="Run in the background; return when the engine is ready.")
@click.option("--sidecar", is_flag=True, help="Started by an app: JSON on standard input and output.")
@click.option("--announce", is_flag=True, hidden=True, help="Started by `--daemon`: JSON on standard output.")
def serve(
    host: str,
    port: int,
    data_dir: Path | None,
    model: str | None,
    models_dir: Path | None,
    token: str | None,
    allow_origin: tuple[str, ...],
    idle_unload: float,
    audio_links: bool,
    socket_path: Path | None,
    daemon: bool,
    sidecar: bool,
    announce: bool,
    for_command: bool,
) -> None:
    """Start the engine, and serve until Ctrl-C.

    \b
    Examples:
      q3tts serve
      q3tts serve --daemon
      q3tts serve --port 0 --data-dir /tmp/speech --socket /tmp/speech.sock
    """
    if daemon and sidecar:
        raise click.UsageError("--daemon and --sidecar exclude each other: a sidecar ends with its app")
    if daemon and not announce:
        from app.cli.detaching import serve_detached

        serve_detached(click.get_current_context(), token)
        return
    _hide_token()
    from app.engine.start import Options, start

    kind = EngineKind.COMMAND if for_command else EngineKind.SIDECAR if sidecar else EngineKind.DAEMON
    options = Options(
        kind=kind,
        host=host,
        port=port,
        data_dir=data_dir,
        model_id=model,
        models_dir=models_dir,
        token=token,
        allowed_origins=allow_origin or TAURI_ORIGINS,
        idle_unload_s=idle_unload,
        audio_links=audio_links,
        socket_path=None if sidecar else socket_path or default_socket(),
    )
    end_now(start(options, sidecar=sidecar, announce=announce))


def _hide_token() -> None:
    """Out of the environment at once: what the engine starts must not inherit the token."""
    for name in ("Q3TTS_TOKEN", "Q3TTS_SERVE_TOKEN"):
        os.environ.pop(name, None)


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
