"""What all commands have in common: help, failures, interruption, and that they are there at once."""

import os
import signal
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import click
import pytest
from click.testing import CliRunner

from app.cli.command import Command, CommandFailed, Group
from app.errors import NotRunning, SpeechError, StartFailed
from tests.cli.commands import Shell, assert_fits, cli
from tests.support.running import modules_loaded_by


def every(
    command: click.Command = cli, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if path:
        yield path, command
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from every(below, (*path, name))


@pytest.mark.parametrize("path", [path for path, _ in every()], ids=" ".join)
def test_the_help_of_every_command_has_examples_and_fits_a_terminal(path: tuple[str, ...]) -> None:
    shown = CliRunner(env={"COLUMNS": "80"}).invoke(cli, [*path, "--help"])

    assert shown.exit_code == 0
    lines = assert_fits(shown.stdout)
    examples = lines[lines.index("  Examples:") + 1 :]
    assert examples[0].startswith("    ")
    assert f"q3tts {path[0]}" in examples[0]


@pytest.mark.parametrize("path", [path for path, _ in every()], ids=" ".join)
def test_every_option_of_a_command_says_what_it_is_for(path: tuple[str, ...]) -> None:
    command = dict(every())[path]

    silent = [option.name for option in command.params if isinstance(option, click.Option) and not option.help]

    assert not silent


def test_commands_are_there_without_what_takes_time_to_import() -> None:
    heavy = {"rich", "litestar", "sqlalchemy", "numpy", "uvicorn", "asyncio", "mlx", "platformdirs"}
    names = ("jobs", "logs", "models", "opening", "render", "service", "voices")

    assert heavy.isdisjoint(modules_loaded_by(*(f"app.cli.{name}" for name in names)))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SpeechError("it\nis so"), 1),
        (NotRunning("it is so"), 69),
        (StartFailed("it is so", exit_code=75), 75),
        (CommandFailed("it is so", 74), 74),
    ],
)
def test_a_failure_is_one_line_and_a_code(error: Exception, code: int) -> None:
    @click.command(cls=Command)
    def failing() -> None:
        raise error

    run = CliRunner().invoke(failing)

    assert (run.exit_code, run.stdout, run.stderr) == (code, "", "q3tts: it is so\n")


@contextmanager
def handled(number: int, handler: Any) -> Generator[None]:
    """What happens at a signal, for a while."""
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_order_to_end_is_an_interruption(number: int) -> None:
    tidied: list[bool] = []

    @click.command(cls=Command)
    def interrupted() -> None:
        try:
            os.kill(os.getpid(), number)
            signal.pause()
        finally:
            tidied.append(True)

    with handled(number, signal.default_int_handler):
        run = CliRunner().invoke(interrupted)
        assert signal.getsignal(number) == signal.default_int_handler

    assert (run.exit_code, run.stderr, tidied) == (130, "q3tts: interrupted\n", [True])


def test_the_end_of_a_terminal_that_does_not_matter_interrupts_nothing() -> None:
    @click.command(cls=Command)
    def going_on() -> None:
        os.kill(os.getpid(), signal.SIGHUP)
        click.echo("went on")

    with handled(signal.SIGHUP, signal.SIG_IGN):
        run = CliRunner().invoke(going_on)

    assert (run.exit_code, run.stdout) == (0, "went on\n")


def test_a_group_without_a_command_lists_and_help_is_still_help() -> None:
    @click.group(cls=Group)
    def things() -> None:
        """Things."""

    @things.command("list")
    @click.option("--all", is_flag=True, help="All.")
    def list_(all: bool) -> None:
        """List."""
        click.echo(f"listed {all}")

    @click.group(context_settings={"help_option_names": ["-h", "--help"]})
    def top() -> None:
        """Top."""

    top.add_command(things)
    said = [CliRunner().invoke(top, ["things", *words]).stdout for words in ([], ["--all"], ["list"], ["-h"])]

    assert said[:3] == ["listed False\n", "listed True\n", "listed False\n"]
    assert "Usage: top things" in said[3]
    assert CliRunner().invoke(top, ["things", "nonsense"]).exit_code == 2


def test_a_daemon_that_is_missing_is_a_code_of_its_own(nobody: Shell) -> None:
    said = nobody.fails(69, "models", "download", "whatever", "--detach")

    assert "no daemon listens" in said
    assert "q3tts serve --daemon" in said


def test_where_the_engine_is_can_be_said_on_the_command_line(shell: Shell, nobody: Shell) -> None:
    assert nobody.json("voices", "--socket", shell.socket_path, "--kind", "clone") == {"voices": []}
