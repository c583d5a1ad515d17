"""The commands as a program of its own, and a daemon that says where a real engine is: what tests here run."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner, Result

from app.cli import jobs, logs, models, opening, own_engine, render, service, voices
from app.daemon.protocol import HEADER, length_of, packed, unpacked

TOKEN = "0123456789abcdef" * 4
PATIENCE_S = 60.0

#: An espeak-ng voice, the same on every machine.
ENGLISH = "f7615947-b6c6-5118-81df-fe8487ae6d6e"


def environment(home: Path) -> dict[str, str]:
    """Of a user whose home folder is this, and who has set nothing."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("Q3TTS", "XDG"))}
    return {**kept, "HOME": str(home), "COLUMNS": "80"}


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """What is registered here is what the commands' modules offer."""


for command in (
    render.render,
    jobs.jobs,
    voices.voices,
    voices.clone,
    voices.design,
    models.models,
    logs.logs,
    service.service,
    opening.open_,
):
    cli.add_command(command)


#: Two hours of speech: espeak-ng is at it for many seconds.
LONG = "The tide is out, and the lighthouse keeper walks to the shore. " * 4_000


class Shell:
    """Runs commands that find the daemon at a socket."""

    def __init__(self, socket_path: Path, **environment: str) -> None:
        self.socket_path = socket_path
        self.environment = {"Q3TTS_SOCKET": str(socket_path), "COLUMNS": "80", **environment}

    def run(self, *arguments: object, input: str | bytes | None = None) -> Result:
        """In this process."""
        words = [str(argument) for argument in arguments]
        return CliRunner(env=self.environment).invoke(cli, words, input=input)

    def ok(self, *arguments: object, input: str | bytes | None = None) -> str:
        """What it prints; nothing else must have been said."""
        result = self.run(*arguments, input=input)
        assert (result.exit_code, result.stderr) == (0, ""), (result.stdout, result.stderr, result.exception)
        return result.stdout

    def json(self, *arguments: object) -> Any:
        """The one document that it prints with --json."""
        return json.loads(self.ok(*arguments, "--json"))

    def fails(self, code: int, *arguments: object, input: str | bytes | None = None) -> str:
        """What it says in the one line with which it fails."""
        result = self.run(*arguments, input=input)
        assert result.exit_code == code, (result.exit_code, result.stdout, result.stderr, result.exception)
        assert result.stdout == ""
        (line,) = result.stderr.splitlines()
        assert line.startswith("q3tts: ")
        return line.removeprefix("q3tts: ")

    def command(self, *arguments: object) -> list[str]:
        """The command line of a process."""
        return [sys.executable, "-m", "tests.cli", *map(str, arguments)]

    def variables(self) -> dict[str, str]:
        """The environment of a process, which must find the tests."""
        return {**os.environ, **self.environment, "PYTHONPATH": str(Path(__file__).parents[2])}

    def start(self, *arguments: object) -> "subprocess.Popen[str]":
        """As a process."""
        return subprocess.Popen(
            self.command(*arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.variables(),
            start_new_session=True,  # so that a signal can be sent to all that it starts, as a terminal does
        )

    def on_terminal(self, *arguments: object, typed: str = "", **environment: str) -> tuple[int, str]:
        """Its exit code, and what is seen on a terminal of 80 columns, where this is typed."""
        ours, theirs = os.openpty()
        environment = {**self.variables(), "TERM": "xterm", **environment}
        environment.pop("NO_COLOR", None) if not environment.get("NO_COLOR") else None
        with subprocess.Popen(
            self.command(*arguments), stdin=theirs, stdout=theirs, stderr=theirs, env=environment
        ) as process:
            os.close(theirs)
            os.write(ours, typed.encode())
            seen = b""
            with suppress(OSError):  # on Linux, how a terminal ends
                while piece := os.read(ours, 65536):
                    seen += piece
            os.close(ours)
            return process.wait(PATIENCE_S), seen.decode()


def assert_fits(printed: str, width: int = 80) -> Sequence[str]:
    """The lines of a table, none of which is too wide."""
    lines = printed.splitlines()
    assert lines
    assert max(map(len, lines)) <= width, printed
    return lines


@contextmanager
def daemon(socket_path: Path, data_dir: Path) -> Generator[None]:
    """A real engine, and a daemon that says where it is."""
    data_dir.mkdir(mode=0o700, exist_ok=True)
    token_file = data_dir / "token"
    with own_engine.running(data_dir, TOKEN) as address:
        token_file.write_text(TOKEN)
        status = {
            "status": "ok",
            "url": address.url,
            "data_dir": str(data_dir.resolve()),
            "token_file": str(token_file),
        }
        with saying(socket_path, status):
            yield


@contextmanager
def saying(socket_path: Path, status: dict[str, Any]) -> Generator[None]:
    """A daemon that answers every request with this."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(socket_path))
        listening.listen()

        def answer() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection, suppress(OSError):
                    asked = unpacked(connection.recv(length_of(connection.recv(HEADER.size))))
                    assert asked == {"action": "status"}
                    connection.sendall(packed(status))

        thread = threading.Thread(target=answer, name="daemon")
        thread.start()
        try:
            yield
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(PATIENCE_S)
    socket_path.unlink()
