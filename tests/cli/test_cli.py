"""The command line: what it says, and how it fails."""

import os
import re
import socket
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from app import __version__
from app.cli.main import cli
from tests.support.running import modules_loaded_by
from tests.support.sidecar import sidecar
from tests.support.variants import in_test_long

SOCKETS = tempfile.TemporaryDirectory()


def q3tts(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "app", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        stdin=subprocess.DEVNULL,
        # Not where a daemon of the user who runs the tests may be.
        env={**(os.environ if env is None else env), "Q3TTS_SOCKET": f"{SOCKETS.name}/s"},
    )


def test_help_lists_what_there_is_and_not_what_nobody_should_call() -> None:
    shown = q3tts("--help")

    assert shown.returncode == 0
    assert "serve" in shown.stdout
    assert "worker" not in shown.stdout
    assert q3tts("-h").stdout == shown.stdout


def test_what_commands_do_is_said_in_a_line_that_is_not_cut() -> None:
    for group in ((), ("jobs",), ("voices",), ("models",), ("service",)):
        shown = CliRunner(env={"COLUMNS": "80"}).invoke(cli, [*group, "--help"]).stdout

        assert "Commands:" in shown
        assert "..." not in shown.partition("Commands:")[2], group


def test_the_help_of_serve_tells_its_options_but_offers_no_token_on_the_command_line() -> None:
    shown = q3tts("serve", "--help")

    assert shown.returncode == 0
    for option in ("--host", "--port", "--data-dir", "--model", "--idle-unload", "--sidecar", "--allow-origin"):
        assert option in shown.stdout
    assert not re.search(r"^\s+--token", shown.stdout, re.MULTILINE)


def test_the_version_is_the_packages() -> None:
    assert q3tts("--version").stdout == f"q3tts, version {__version__}\n"


def test_the_command_starts_without_what_only_the_server_needs() -> None:
    heavy = {"litestar", "sqlalchemy", "numpy", "uvicorn", "alembic", "asyncio"}

    assert heavy.isdisjoint(modules_loaded_by("app.cli.main"))


def failing(run: subprocess.CompletedProcess[str], code: int, said: str) -> None:
    """It failed with this code, in one line that says this."""
    assert run.returncode == code, run.stderr
    assert run.stdout == ""
    (line,) = run.stderr.splitlines()
    assert line.startswith("q3tts: ")
    assert said in line


@pytest.mark.parametrize("host", ["0.0.0.0", "example.com", *in_test_long("::", "192.168.0.1", "")])
def test_an_address_that_others_can_reach_is_refused_before_anything_is_touched(tmp_path: Path, host: str) -> None:
    run = q3tts("serve", "--host", host, "--data-dir", str(tmp_path / "data"), "--port", "0")

    failing(run, 64, "not a loopback address")
    assert not (tmp_path / "data").exists()


def test_a_model_that_is_not_there_is_refused(tmp_path: Path) -> None:
    failing(q3tts("serve", "--data-dir", str(tmp_path), "--port", "0", "--model", "nobody"), 64, "nobody")


@pytest.mark.parametrize(
    "token", ["ünïcödé-ünïcödé-ünïcödé", *in_test_long("short", "has a space in it", "has,a,comma,in,it")]
)
def test_a_token_that_cannot_go_into_a_header_is_refused_and_not_repeated(tmp_path: Path, token: str) -> None:
    run = q3tts("serve", "--data-dir", str(tmp_path), "--port", "0", env={"Q3TTS_TOKEN": token, "PYTHONUTF8": "1"})

    failing(run, 64, "16 or more")
    assert token not in run.stderr


def test_a_taken_port_is_reported(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        failing(q3tts("serve", "--data-dir", str(tmp_path), "--port", port), 69, f"port {port}")


@pytest.mark.long  # as to an app, in tests/engine/test_engine_process.py
def test_a_folder_that_another_engine_has_is_reported(tmp_path: Path) -> None:
    with sidecar(tmp_path) as engine:
        engine.ready()

        failing(q3tts("serve", "--data-dir", str(tmp_path), "--port", "0"), 75, "another q3tts")


@pytest.mark.long  # with its code, in tests/store/test_database.py
def test_a_file_that_is_not_a_database_is_reported(tmp_path: Path) -> None:
    (tmp_path / "q3tts.db").write_text("Dear diary, " * 100)

    failing(q3tts("serve", "--data-dir", str(tmp_path), "--port", "0"), 74, "not a database")


def test_a_folder_of_a_newer_engine_is_reported(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "q3tts.db")) as connection, connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        connection.execute("INSERT INTO alembic_version VALUES ('9999')")

    failing(q3tts("serve", "--data-dir", str(tmp_path), "--port", "0"), 78, "newer q3tts")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--idle-unload", "0"),
        ("--data-dir", __file__),
        *in_test_long((("--port", "70000"),), (("--port", "-1"),), (("--port", "http"),), (("--nonsense",),)),
    ],
)
def test_what_makes_no_sense_is_refused_by_the_command_line(arguments: tuple[str, ...]) -> None:
    run = q3tts("serve", *arguments)

    failing(run, 2, "q3tts serve --help")
