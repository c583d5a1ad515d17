"""`q3tts logs`: the last lines, and those that come; also when the log has become too large meanwhile."""

import signal
from pathlib import Path

import pytest

from app.cli import logs
from app.cli.engine import EngineClient
from app.config import LOG_FILE
from tests.cli.commands import PATIENCE_S, Shell


@pytest.fixture
def log(nobody: Shell) -> Path:
    path = nobody.socket_path.parent / "data" / LOG_FILE
    path.parent.mkdir()
    path.write_text("".join(f"line {number}\n" for number in range(100)))
    return path


def test_the_last_lines_are_shown(nobody: Shell, log: Path) -> None:
    assert log.exists()
    assert nobody.ok("logs", "-n", "2") == "line 98\nline 99\n"
    assert nobody.ok("logs").splitlines() == [f"line {number}" for number in range(50, 100)]
    assert nobody.ok("logs", "-n", "0") == ""


def test_the_file_before_this_one_has_the_lines_before_these(nobody: Shell, log: Path) -> None:
    log.rename(log.with_name(f"{log.name}.1"))
    log.write_text("newest\n")

    assert nobody.ok("logs", "-n", "3") == "line 98\nline 99\nnewest\n"


def test_bytes_that_are_not_text_do_no_harm(nobody: Shell, log: Path) -> None:
    log.write_bytes(b"a\xffb\n")

    assert nobody.ok("logs") == "a\ufffdb\n"


def test_a_log_that_is_not_there_is_reported_and_no_engine_is_started(nobody: Shell) -> None:
    data_dir = nobody.socket_path.parent / "data"

    assert str(data_dir) in nobody.fails(69, "logs")
    assert not data_dir.exists()


def test_the_log_is_the_one_of_the_daemon(shell: Shell, engine: EngineClient) -> None:
    assert engine.get("/health")
    assert "ready in " in shell.run("logs", "-n", "1000").stdout


def test_half_a_line_waits_for_its_other_half(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log.write_text("one\nhalf ")

    def meanwhile(_: float) -> None:
        with log.open("a") as file:
            file.write("a line\n")

    monkeypatch.setattr(logs.time, "sleep", meanwhile)
    with log.open() as file:
        coming = logs._coming(log, file)  # pyright: ignore[reportPrivateUsage]

        assert [next(coming), next(coming)] == ["one", "half a line"]


def test_lines_are_shown_as_they_come_also_in_a_new_file(nobody: Shell, log: Path) -> None:
    with nobody.start("logs", "-f", "-n", "1") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "line 99\n"
        with log.open("a") as file:
            file.write("one\nhalf ")
            file.flush()
            assert process.stdout.readline() == "one\n"
            file.write("a line\n")
        assert process.stdout.readline() == "half a line\n"
        log.rename(log.with_name(f"{log.name}.1"))
        with log.with_name(f"{log.name}.1").open("a") as file:
            file.write("last of the old\n")
        log.write_text("first of the new\n")
        assert process.stdout.readline() == "last of the old\n"
        assert process.stdout.readline() == "first of the new\n"
        with log.open("a") as file:
            file.write("second of the new\n")
        assert process.stdout.readline() == "second of the new\n"
        process.send_signal(signal.SIGINT)
        printed, said = process.communicate(timeout=PATIENCE_S)

    assert (process.returncode, printed, said) == (130, "", "q3tts: interrupted\n")
