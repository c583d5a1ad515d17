"""What all commands have in common: how they fail, what interrupts them, and the options that say which engine is
meant. It does not know what any command does.
"""

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import IO, Any, NamedTuple, TypeVar, cast

import click
from click.exceptions import NoArgsIsHelpError
from click.shell_completion import CompletionItem

from app.cli.completion import languages
from app.cli.terminal import error_line
from app.cli.wording import for_people
from app.daemon.protocol import default_socket
from app.errors import InvalidRequest, NotRunning, SpeechError, StartFailed
from app.inference.languages import language_tag

#: As in BSD's sysexits, where it has a number for it. 130 is what shells give for Ctrl-C.
REFUSED, USAGE, UNAVAILABLE, CANNOT_WRITE, INTERRUPTED = 1, 2, 69, 74, 130

#: What else tells a program to end.
ORDERS = (signal.SIGTERM, signal.SIGHUP)

Callback = TypeVar("Callback", bound=Callable[..., Any])


class CommandFailed(click.ClickException):
    """A command ends with one line on standard error, and this exit code."""

    def __init__(self, message: str, exit_code: int = REFUSED) -> None:
        super().__init__(" ".join(message.split()))
        self.exit_code = exit_code  # pyright: ignore[reportAttributeAccessIssue] - click looks here first

    def show(self, file: IO[Any] | None = None) -> None:
        """Say it."""
        click.echo(error_line(self.message), file=file, err=True)


class OneLine(click.Command):
    """What is wrong with the arguments is told in one line, with what to do."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Read the arguments. Raises `CommandFailed`."""
        with _explained():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run it. Raises `CommandFailed`."""
        with _explained():
            return super().invoke(ctx)


class Command(OneLine):
    """A command whose failures are told in one line."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run it; raises `CommandFailed`."""
        try:
            with _interruptible():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            raise CommandFailed("interrupted", INTERRUPTED) from None
        except StartFailed as error:
            raise CommandFailed(error.message, error.exit_code) from error
        except NotRunning as error:
            raise CommandFailed(error.message, UNAVAILABLE) from error
        except SpeechError as error:
            raise CommandFailed(error.message) from error


class Group(OneLine, click.Group):
    """Commands about one kind of thing. Without the name of one, or with options only, it is `list`."""

    command_class = Command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `list` where a command is missing."""
        is_completed = ctx.resilient_parsing  # a shell asks how a word could go on, which may be a command
        if "list" in self.commands and (args[0].startswith("-") if args else not is_completed):
            asks_for_help = bool(args) and args[0] in ctx.help_option_names
            args = args if asks_for_help else ["list", *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[Any]]:
        """Commands, and the options of `list`."""
        return [*super().shell_complete(ctx, incomplete), *options_of(self, "list", ctx, incomplete)]


def options_of(group: click.Group, name: str, ctx: click.Context, incomplete: str) -> list[CompletionItem[Any]]:
    """Of the command that is meant where none is named, how an option could go on."""
    command = group.get_command(ctx, name) if incomplete.startswith("-") else None
    if command is None:
        return []
    with command.make_context(name, [], parent=ctx, resilient_parsing=True) as below:
        offered = command.shell_complete(below, incomplete)
    return [item for item in offered if item.value not in ctx.help_option_names]


class Where(NamedTuple):
    """Which engine is meant."""

    socket: Path  #: of a daemon
    data_dir: Path | None  #: None for the one that the daemon has, or the user's own


at_socket = click.option(
    "--socket",
    "socket_path",
    envvar="Q3TTS_SOCKET",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Where the daemon listens.  [default: ~/.q3tts.sock]",
)
in_data_dir = click.option(
    "--data-dir",
    envvar="Q3TTS_DATA_DIR",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where everything is kept.  [default: where the daemon has it, or the user's data folder]",
)


def which_engine(callback: Callback) -> Callback:
    """Add the options that say which engine is meant; the callback gets them as `where`."""

    @at_socket
    @in_data_dir
    @wraps(callback)
    def wrapper(*args: Any, socket_path: Path | None, data_dir: Path | None, **kwargs: Any) -> Any:
        where = Where(socket_path or default_socket(), None if data_dir is None else data_dir.absolute())
        return callback(*args, where=where, **kwargs)

    return cast("Callback", wrapper)


def language(help: str) -> Callable[[Callback], Callback]:
    """Add an option for a language, by tag or by name; the callback gets the tag."""

    def tag(_context: click.Context, _parameter: click.Parameter, said: str | None) -> str | None:
        try:
            return None if said is None else language_tag(said)
        except InvalidRequest as error:
            raise CommandFailed(for_people(error.message), USAGE) from error

    return click.option("--language", metavar="LANGUAGE", callback=tag, shell_complete=languages, help=help)


as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead.")


@contextmanager
def _explained() -> Generator[None]:
    """Turn click's usage errors into one line."""
    try:
        yield
    except NoArgsIsHelpError:  # which is the help
        raise
    except click.UsageError as error:
        raise CommandFailed(_explanation(error), USAGE) from error


def _explanation(error: click.UsageError) -> str:
    said = error.format_message()
    if isinstance(error, click.NoSuchOption):
        said = f"{error.message.removesuffix('.')}{_similar(error)}"
    if isinstance(error, click.MissingParameter) and error.param and isinstance(error.param.type, click.Choice):
        *others, last = map(str, error.param.type.choices)
        said = f"missing argument {error.param.human_readable_name}: {', '.join(others)} or {last}"
    said = said.strip().replace(". Did you mean", ", did you mean").removesuffix(".")
    parts = [said[:1].lower() + said[1:]]
    path: list[str] = []
    context = error.ctx
    while context is not None and context.parent is not None:
        path.insert(0, context.info_name or "")
        context = context.parent
    if isinstance(error, click.NoSuchOption) and error.ctx is not None:
        takes_words = any(isinstance(parameter, click.Argument) for parameter in error.ctx.command.params)
        if path == ["say"]:
            parts.append("text that begins with a dash goes after --, as in: q3tts -- '-5 degrees'")
        elif takes_words:
            parts.append("put -- before what begins with a dash and is not an option")
    parts.append(f"see: {' '.join(['q3tts', *path, '--help'])}")
    return "; ".join(parts)


def _similar(error: click.NoSuchOption) -> str:
    hidden: set[str] = set()
    if error.ctx is not None:
        options = [option for option in error.ctx.command.params if isinstance(option, click.Option)]
        hidden = {name for option in options if option.hidden for name in option.opts}
    shown = [name for name in error.possibilities or () if name not in hidden]
    return f", did you mean {' or '.join(map(repr, shown))}?" if shown else ""


@contextmanager
def _interruptible() -> Generator[None]:
    """Treat SIGTERM like Ctrl-C: what was begun is taken back, and no engine is left running."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # What is ignored stays so: nohup has said that the end of the terminal does not matter.
    numbers = [number for number in ORDERS if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, _interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
