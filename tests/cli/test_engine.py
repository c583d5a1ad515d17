"""The engine that a command talks to: the daemon's, or one of its own; and what goes wrong with either."""

import io
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from app.cli import engine as engine_module
from app.cli import own_engine
from app.cli.engine import EngineClient, RequestRefused, connected, data_folder
from app.config import EngineKind
from app.daemon.client import ask
from app.daemon.presence import Presence, announce
from app.errors import NotRunning, SpeechError, StartFailed, Unauthorized
from tests.cli.commands import ENGLISH, TOKEN, Shell, saying
from tests.support.sidecar import sidecar

#: Downloads and engines of their own take seconds each.
pytestmark = pytest.mark.long


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> "list[subprocess.Popen[bytes]]":
    """Every engine that is started here."""
    started: list[subprocess.Popen[bytes]] = []
    popen: type[subprocess.Popen[bytes]] = subprocess.Popen

    def noted(*args: Any, **kwargs: Any) -> "subprocess.Popen[bytes]":
        started.append(popen(*args, **kwargs))
        return started[-1]

    monkeypatch.setattr(own_engine.subprocess, "Popen", noted)
    return started


def instead(monkeypatch: pytest.MonkeyPatch, program: Path, script: str) -> None:
    """Start this in place of the engine."""
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)

    def command(*_: str) -> tuple[str]:
        return (str(program),)

    monkeypatch.setattr(own_engine, "program", command)


def test_without_a_daemon_an_engine_lives_as_long_as_the_block(
    tmp_path: Path, processes: "list[subprocess.Popen[bytes]]"
) -> None:
    with connected(tmp_path / "sock", tmp_path / "data") as engine:
        assert engine.get("/health")["active_model_id"] == "espeak-ng"
        assert engine.own
        assert engine.data_dir == (tmp_path / "data").resolve()
        (process,) = processes
        assert os.getpgid(process.pid) == process.pid  # a terminal's Ctrl-C does not reach it

    assert process.returncode == 0
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_an_engine_of_ones_own_is_gone_also_when_the_block_fails(
    tmp_path: Path, processes: "list[subprocess.Popen[bytes]]"
) -> None:
    with pytest.raises(KeyboardInterrupt), connected(tmp_path / "sock", tmp_path / "data"):
        raise KeyboardInterrupt

    assert processes[0].returncode == 0


def test_what_is_set_for_somebodys_own_engine_is_not_meant_for_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("Q3TTS_TOKEN", "short")
    monkeypatch.setenv("Q3TTS_SERVE_PORT", "nonsense")
    monkeypatch.setenv("_Q3TTS_COMPLETE", "bash_complete")  # asked by a shell, of this command alone
    monkeypatch.setenv("Q3TTS_SERVE_HOST", "::1")
    monkeypatch.setenv("Q3TTS_SERVE_DATA_DIR", str(tmp_path / "other"))
    monkeypatch.setenv("Q3TTS_SERVE_MODELS_DIR", str(tmp_path / "models"))
    (tmp_path / "models" / "mine").mkdir(parents=True)

    with connected(tmp_path / "sock", tmp_path / "data") as engine:
        found = [model["model_id"] for model in engine.get("/models")["models"]]

    assert "mine" in found
    assert not (tmp_path / "other").exists()


def test_the_daemons_engine_is_used_where_there_is_one(
    shell: Shell, processes: "list[subprocess.Popen[bytes]]"
) -> None:
    with connected(shell.socket_path, None) as engine:
        assert engine.get(f"/voices/{ENGLISH}")["voice_id"] == ENGLISH
        assert not engine.own
        assert engine.socket_path == shell.socket_path
        with connected(shell.socket_path, engine.data_dir) as same:
            assert not same.own

    assert not processes


def test_a_daemon_with_another_data_folder_is_left_alone(shell: Shell, tmp_path: Path) -> None:
    with connected(shell.socket_path, tmp_path / "data") as engine:
        assert engine.own
        assert engine.data_dir == (tmp_path / "data").resolve()


def test_what_is_for_the_daemon_alone_starts_no_engine(
    shell: Shell, tmp_path: Path, processes: "list[subprocess.Popen[bytes]]"
) -> None:
    with (
        pytest.raises(NotRunning, match="q3tts serve --daemon"),
        connected(tmp_path / "sock", None, daemon_only=True),
    ):
        pass
    with (
        pytest.raises(NotRunning, match="has its data in"),
        connected(shell.socket_path, tmp_path / "data", daemon_only=True),
    ):
        pass

    assert not processes


def daemon(stack: ExitStack, tmp_path: Path, shell: Shell, token_file: Path | None) -> Path:
    """Another one that tells of the same engine."""
    status = ask(shell.socket_path, {"action": "status"})
    status["token_file"] = None if token_file is None else str(token_file)
    stack.enter_context(saying(tmp_path / "sock", status))
    return tmp_path / "sock"


@pytest.fixture
def stack() -> Generator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def test_a_token_that_the_daemon_was_given_comes_from_the_environment(
    shell: Shell, tmp_path: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = daemon(stack, tmp_path, shell, None)

    with pytest.raises(Unauthorized, match="Q3TTS_TOKEN"), connected(path, None):
        pass

    monkeypatch.setenv("Q3TTS_TOKEN", TOKEN)
    with connected(path, None) as engine:
        assert engine.get("/health")


def test_a_wrong_token_and_one_that_cannot_be_read_are_told(shell: Shell, tmp_path: Path, stack: ExitStack) -> None:
    token_file = tmp_path / "token"
    path = daemon(stack, tmp_path, shell, token_file)

    with pytest.raises(Unauthorized, match=str(token_file)), connected(path, None):
        pass

    token_file.write_text("f" * 64)
    with connected(path, None) as engine, pytest.raises(Unauthorized, match="does not take the token"):
        engine.get("/health")


def test_a_daemon_that_is_not_well_is_reported(tmp_path: Path) -> None:
    with (
        saying(tmp_path / "sock", {"status": "error", "message": "on fire"}),
        pytest.raises(SpeechError, match="on fire"),
        connected(tmp_path / "sock", None),
    ):
        pass


def test_a_data_folder_that_an_apps_engine_has_is_reported(tmp_path: Path) -> None:
    with sidecar(tmp_path / "data") as app:
        app.ready()

        with (
            pytest.raises(StartFailed, match=r"the engine of an app \(pid \d+, since .* its app alone") as failed,
            connected(tmp_path / "sock", tmp_path / "data"),
        ):
            pass

    assert failed.value.exit_code == 75


def test_a_data_folder_that_cannot_be_used_is_reported_with_its_code(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")

    with (
        pytest.raises(StartFailed, match="cannot be used") as failed,
        connected(tmp_path / "sock", tmp_path / "data"),
    ):
        pass

    assert failed.value.exit_code == 74


def test_an_engine_that_ends_without_a_word_is_reported_with_its_last_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead(monkeypatch, tmp_path / "broken", "echo the cable is out >&2; exit 7")

    with (
        pytest.raises(StartFailed, match=r"ended with 7 .*: the cable is out") as failed,
        connected(tmp_path / "sock", tmp_path / "data"),
    ):
        pass

    assert failed.value.exit_code == 70


def test_an_engine_that_never_gets_ready_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_engine, "START_S", 0.1)
    instead(monkeypatch, tmp_path / "deaf", "exec sleep 600")

    with pytest.raises(StartFailed, match="before it was ready"), connected(tmp_path / "sock", tmp_path / "data"):
        pass


def test_an_engine_that_does_not_end_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: "list[subprocess.Popen[bytes]]"
) -> None:
    monkeypatch.setattr(own_engine, "STOP_S", 0.1)
    instead(monkeypatch, tmp_path / "deaf", """echo '{"event": "ready", "port": 1}'; exec sleep 600""")

    with (
        connected(tmp_path / "sock", tmp_path / "data") as engine,
        pytest.raises(NotRunning, match="does not answer"),
    ):
        engine.get("/health")

    assert processes[0].returncode == -signal.SIGKILL


def test_an_engine_of_ones_own_can_be_spoken_to_over_a_socket_that_nobody_else_can_open(tmp_path: Path) -> None:
    with connected(tmp_path / "sock", tmp_path / "data") as engine:
        path = engine.socket_path
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert ask(path, {"action": "status"})["data_dir"] == str(engine.data_dir)

    assert not path.parent.exists()


def test_a_command_joins_the_engine_of_another_which_lives_until_both_have_ended(
    tmp_path: Path, processes: "list[subprocess.Popen[bytes]]"
) -> None:
    with ExitStack() as second:
        with connected(tmp_path / "sock", tmp_path / "data") as first:
            joined = second.enter_context(connected(tmp_path / "sock", tmp_path / "data"))
            assert joined.own
            assert ask(joined.socket_path, {"action": "status"})["kind"] == "command"
            assert joined.socket_path == first.socket_path

        assert joined.get("/health")["active_model_id"] == "espeak-ng", "the first one has ended"

    with connected(tmp_path / "sock", tmp_path / "data") as third:
        assert third.get("/health"), "what was about to stop has been waited for"
        assert third.socket_path != joined.socket_path

    assert len(processes) >= 2
    assert not joined.socket_path.parent.exists()


def test_a_daemon_at_another_socket_is_found_by_its_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: "list[subprocess.Popen[bytes]]"
) -> None:
    token_file = tmp_path / "token"
    token_file.write_text(TOKEN)
    with own_engine.running(tmp_path / "data", TOKEN) as address:
        there = Presence(
            kind=EngineKind.DAEMON,
            pid=processes[0].pid,
            version="0.1.0",
            started_at="2026-11-30T12:00:00+00:00",
            url=address.url,
            data_dir=str(tmp_path / "data"),
            token_file=str(token_file),
        )
        announce(there)

        with connected(tmp_path / "sock", tmp_path / "data") as engine:
            assert not engine.own
            assert engine.get("/health")

    assert len(processes) == 1


def test_a_folder_that_stays_in_use_is_reported_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "SETTLED_S", 0.5)
    with own_engine.running(tmp_path / "data", TOKEN):
        (tmp_path / "data" / "engine.json").unlink()  # as an older version, which says nothing of itself

        with (
            pytest.raises(StartFailed, match="another q3tts uses") as failed,
            connected(tmp_path / "sock", tmp_path / "data"),
        ):
            pass

    assert failed.value.exit_code == 75


def test_what_a_real_daemon_says_is_what_commands_need(tmp_path: Path) -> None:
    with own_engine.running(tmp_path / "data", TOKEN) as address:
        path = address.socket
        shell = Shell(path, Q3TTS_TOKEN=TOKEN)

        assert shell.json("models", "show", "espeak-ng")["state"] == "active"
        assert "ready in " in shell.ok("logs")
        assert "put it into Q3TTS_TOKEN" in Shell(path).fails(1, "jobs")


def test_an_engine_without_a_socket_says_so(tmp_path: Path) -> None:
    instead_of_one = EngineClient("http://127.0.0.1:1/v1", TOKEN, data_dir=tmp_path, socket_path=None, own=True)

    with pytest.raises(NotRunning, match="no Unix socket"):
        _ = instead_of_one.socket_path


def test_a_refusal_comes_with_its_word_its_message_and_its_details(engine: EngineClient) -> None:
    nobody = "00000000-0000-4000-8000-000000000000"

    with pytest.raises(RequestRefused, match="no such voice") as refused:
        engine.get(f"/voices/{nobody}")

    assert refused.value.word == "VOICE_NOT_FOUND"
    assert refused.value.details == {"voice_id": nobody}


@pytest.mark.parametrize(
    ("method", "path", "word"),
    [
        ("get", "/nothing", "NOT_FOUND"),
        ("delete", "/health", "METHOD_NOT_ALLOWED"),
        ("patch", "/health", "METHOD_NOT_ALLOWED"),
        ("put", "/jobs/00000000-0000-4000-8000-000000000000", "INVALID_REQUEST"),
        ("post", "/jobs", "INVALID_REQUEST"),
    ],
)
def test_every_method_is_refused_what_it_may_not(engine: EngineClient, method: str, path: str, word: str) -> None:
    ask_for: Callable[..., Any] = getattr(engine, method)

    with pytest.raises(RequestRefused) as refused:
        ask_for(path) if method in ("get", "delete") else ask_for(path, {})

    assert refused.value.word == word


@pytest.fixture
def server() -> "Generator[Callable[[bytes], EngineClient]]":
    """An engine that says what it is told, and hangs up."""
    with ExitStack() as opened:

        def saying_once(answer: bytes) -> EngineClient:
            listening = opened.enter_context(socket.create_server(("127.0.0.1", 0)))

            def serve() -> None:
                connection, _ = listening.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

            thread = threading.Thread(target=serve)
            thread.start()
            opened.callback(thread.join, 10)
            url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
            return EngineClient(url, TOKEN, data_dir=Path(), socket_path=None, own=False)

        yield saying_once


def test_a_file_that_ends_too_early_is_reported(server: Callable[[bytes], EngineClient]) -> None:
    engine = server(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nRIFF")

    with pytest.raises(NotRunning, match="96 bytes"):
        engine.download("/jobs/1/audio", io.BytesIO())


def test_an_answer_that_breaks_off_or_is_not_http_is_reported(server: Callable[[bytes], EngineClient]) -> None:
    for answer in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"):
        with pytest.raises(NotRunning, match="does not answer"):
            server(answer).get("/health")


def test_a_failure_in_a_shape_of_its_own_is_reported(server: Callable[[bytes], EngineClient]) -> None:
    with pytest.raises(SpeechError, match="answered 502: who are you"):
        server(b"HTTP/1.1 502 Bad\r\nContent-Length: 11\r\n\r\nwho are you").get("/health")


def test_the_data_folder_is_the_daemons_or_the_users_own(
    shell: Shell, engine: EngineClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    assert data_folder(shell.socket_path, None) == engine.data_dir
    assert data_folder(shell.socket_path, tmp_path / "mine") == tmp_path / "mine"
    assert data_folder(tmp_path / "sock", None).name == "q3tts"
