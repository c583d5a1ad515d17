"""The daemon as a process of its own, with the embedded voice: what the first design promises, and its end."""

import os
import shutil
import signal
import socket
import stat
import subprocess
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import app
from app.daemon.client import ask
from app.errors import NotRunning, SpeechError
from tests.daemon.asking import framed
from tests.support.running import command
from tests.support.serving import served
from tests.support.sidecar import Sidecar, sidecar
from tests.support.waiting import wait_until

pytestmark = pytest.mark.long

STATUS = {"action": "status"}


@contextmanager
def daemon(folder: Path, data_dir: Path, **more: Any) -> Generator[Sidecar]:
    """A daemon that is ready."""
    with sidecar(data_dir, socket=str(folder / "sock"), **more) as engine:
        engine.ready()
        yield engine


def asked(folder: Path, **request: Any) -> dict[str, Any]:
    return ask(folder / "sock", request, timeout_s=60)


def refusal(engine: Sidecar) -> dict[str, Any]:
    """What an engine says that does not start."""
    while (line := engine.line())["event"] == "phase":
        pass
    assert line["event"] == "error", line
    assert line["exit_code"] == engine.process.wait(10)
    return line


def test_a_text_becomes_a_file(folder: Path, tmp_path: Path) -> None:
    with daemon(folder, tmp_path / "data"):
        answer = asked(folder, text="Bonjour.", language="French", output=str(folder / "out.wav"))

    assert answer["status"] == "ok", answer
    wav = (folder / "out.wav").read_bytes()
    assert wav[:4] == b"RIFF"
    assert answer["audio_seconds"] == round((len(wav) - 44) / 48_000, 3)
    made = tmp_path / "data" / "jobs" / answer["job_id"] / "audio.wav"
    assert made.read_bytes() == wav


def test_a_text_becomes_sound_or_it_is_said_that_there_are_no_speakers(folder: Path, tmp_path: Path) -> None:
    with daemon(folder, tmp_path / "data"):
        answer = asked(folder, text=".")

        assert answer["status"] == "ok" or answer["code"] == "NO_SPEAKERS"
        assert asked(folder, action="status")["status"] == "ok"


def test_the_status_says_whose_it_is(folder: Path, tmp_path: Path) -> None:
    with daemon(folder, tmp_path / "data") as engine:
        answer = asked(folder, action="status")

        assert answer["pid"] == engine.process.pid
        assert answer["url"] == f"http://127.0.0.1:{engine.lines[-1]['port']}/v1"
        assert answer["model"] == "espeak-ng"
        assert answer["token_file"] is None, "the token came from outside"


def test_a_daemon_that_makes_its_own_token_says_where_it_is(folder: Path, tmp_path: Path) -> None:
    with served(tmp_path / "data", "--socket", str(folder / "sock")) as engine:
        answer = asked(folder, action="status")

        assert answer["url"] == engine.url
        assert engine.ask("/health", Path(answer["token_file"]).read_text())["active_model_id"] == "espeak-ng"
        assert asked(folder, action="stop") == {"status": "ok"}
        assert engine.process.wait(10) == 0
    assert not (folder / "sock").exists()


def test_files_are_made_with_the_users_own_mask(folder: Path, tmp_path: Path) -> None:
    with served(tmp_path / "data", "--socket", str(folder / "sock"), umask=0o027):
        asked(folder, text="Something.", output=str(folder / "out.wav"))

    assert stat.S_IMODE((folder / "out.wav").stat().st_mode) == 0o640


@pytest.mark.parametrize("action", ["stop", "shutdown"])
def test_whoever_says_so_ends_it_and_nothing_is_left(folder: Path, tmp_path: Path, action: str) -> None:
    with daemon(folder, tmp_path / "data") as engine:
        assert stat.S_IMODE((folder / "sock").stat().st_mode) == 0o600

        assert asked(folder, action=action) == {"status": "ok"}

        assert engine.process.wait(10) == 0
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_nothing_is_left(folder: Path, tmp_path: Path, number: int) -> None:
    with daemon(folder, tmp_path / "data") as engine:
        engine.process.send_signal(number)

        assert engine.process.wait(10) == 0
    assert list(folder.iterdir()) == []


def test_a_stop_in_the_middle_of_work_is_answered_and_soon_done(folder: Path, tmp_path: Path) -> None:
    text = "A sentence that takes its time, and then another. " * 20_000
    with daemon(folder, tmp_path / "data") as engine, ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(asked, folder, text=text, output=str(folder / "out.wav"))
        wait_until(lambda: asked(folder, action="status")["rendering"])

        assert asked(folder, action="stop") == {"status": "ok"}

        assert waiting.result(10)["code"] == "ENGINE_RESTARTED"
        assert engine.process.wait(10) == 0
    assert list(folder.iterdir()) == []


def test_what_a_killed_one_leaves_is_taken_over_by_the_next(folder: Path, tmp_path: Path) -> None:
    with daemon(folder, tmp_path / "data") as engine:
        engine.process.kill()
        engine.process.wait()
    assert (folder / "sock").is_socket()
    with pytest.raises(NotRunning):
        asked(folder, action="status")

    with daemon(folder, tmp_path / "data") as engine:
        assert asked(folder, action="status")["pid"] == engine.process.pid


def test_one_that_lives_is_respected_before_anything_is_touched(folder: Path, tmp_path: Path) -> None:
    with daemon(folder, tmp_path / "data") as first:
        with sidecar(tmp_path / "other", socket=str(folder / "sock")) as second:
            line = refusal(second)

        assert line["exit_code"] == 75
        assert "q3tts stop" in line["message"]
        assert [line["event"] for line in second.lines] == ["error"], "before the heavy imports"
        assert asked(folder, action="status")["pid"] == first.process.pid
    assert not (tmp_path / "other").exists()


def test_of_two_that_start_at_once_one_lives_and_can_be_reached(folder: Path, tmp_path: Path) -> None:
    path = str(folder / "sock")
    with sidecar(tmp_path / "a", socket=path) as first, sidecar(tmp_path / "b", socket=path) as second:
        lines: dict[int, dict[str, Any]] = {}
        for engine in (first, second):
            while (line := engine.line())["event"] == "phase":
                pass
            lines[engine.process.pid] = line

        assert sorted(line["event"] for line in lines.values()) == ["error", "ready"]
        assert lines[asked(folder, action="status")["pid"]]["event"] == "ready"


@pytest.mark.parametrize(("path", "exit_code"), [("file", 74), ("missing/sock", 74), ("s" * 200, 64)])
def test_a_path_that_cannot_be_used_is_said_in_one_line(
    folder: Path, tmp_path: Path, path: str, exit_code: int
) -> None:
    (folder / "file").write_text("mine")
    with sidecar(tmp_path / "data", socket=str(folder / path)) as engine:
        assert refusal(engine)["exit_code"] == exit_code

    assert (folder / "file").read_text() == "mine"
    assert [entry.name for entry in folder.iterdir()] == ["file"]


def test_an_engine_that_does_not_start_for_another_reason_leaves_no_socket(folder: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with sidecar(tmp_path / "data", socket=str(folder / "sock"), port=port) as engine:
            assert refusal(engine)["exit_code"] == 69
    with sidecar(tmp_path / "data", socket=str(folder / "sock"), model="nobody") as engine:
        assert refusal(engine)["exit_code"] == 64

    assert list(folder.iterdir()) == []


def test_without_a_path_there_is_no_socket(folder: Path, tmp_path: Path) -> None:
    environment = {"HOME": str(folder)}
    with sidecar(tmp_path / "data", environment=environment) as engine:
        engine.ready()

        assert list(folder.iterdir()) == []


def test_a_hundred_clients_at_once_have_their_files(folder: Path, tmp_path: Path) -> None:
    with daemon(folder, tmp_path / "data"), ThreadPoolExecutor(100) as threads:

        def one(number: int) -> str:
            answer = asked(folder, text=f"Number {number}.", seed=1, output=str(folder / f"{number}.wav"))
            return answer["status"] if answer["status"] == "ok" else answer["message"]

        outcomes = threads.map(one, range(100))
        assert asked(folder, action="status")["status"] == "ok"

        assert set(outcomes) == {"ok"}
        assert asked(folder, action="status")["queued"] == 0
    assert {path.name for path in folder.iterdir()} == {"sock", *(f"{number}.wav" for number in range(100))}


def test_a_client_that_is_killed_takes_its_job_with_it(folder: Path, tmp_path: Path) -> None:
    text = "A sentence that takes its time, and then another. " * 20_000
    with daemon(folder, tmp_path / "data"):
        asking = command("daemon_client", folder / "sock", folder / "out.wav")
        with subprocess.Popen(asking, stdin=subprocess.PIPE, text=True) as client:
            assert client.stdin is not None
            client.stdin.write(text)
            client.stdin.close()
            wait_until(lambda: asked(folder, action="status")["rendering"])

            client.kill()

        wait_until(lambda: not asked(folder, action="status")["rendering"])
        assert [path.name for path in folder.iterdir()] == ["sock"]


def test_a_client_that_half_closes_as_netcat_does_is_served(folder: Path, tmp_path: Path) -> None:
    with daemon(folder, tmp_path / "data"), socket.socket(socket.AF_UNIX) as client:
        client.settimeout(60)
        client.connect(str(folder / "sock"))
        text = "A sentence that takes its time, and then another. " * 100
        client.sendall(framed({"text": text, "output": str(folder / "out.wav")}))
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while part := client.recv(1 << 16):
            answer += part

    assert b'"status": "ok"' in answer
    assert (folder / "out.wav").read_bytes()[:4] == b"RIFF"


@pytest.fixture
def own_copy(tmp_path: Path) -> Path:
    """The program's source, to be edited."""
    copy = tmp_path / "copy"
    source = Path(app.__file__).parent
    shutil.copytree(source, copy / "app", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(source.parent / "migrations", copy / "migrations")
    return copy


def test_an_edit_of_the_handlers_is_in_force_and_a_broken_one_is_survived(
    folder: Path, tmp_path: Path, own_copy: Path
) -> None:
    handlers = own_copy / "app" / "daemon" / "handlers.py"
    good = handlers.read_text()
    assert '"pid": os.getpid()' in good
    with daemon(folder, tmp_path / "data", environment={"PYTHONPATH": str(own_copy)}) as engine:
        assert asked(folder, action="status")["pid"] == engine.process.pid

        for edited in ("uno", "due", "tre"):  # as long as each other, and in the same second
            handlers.write_text(good.replace('"pid": os.getpid()', f'"pid": "{edited}"'))
            os.utime(handlers, (0, 0))
            assert asked(folder, action="status")["pid"] == edited

        handlers.write_text(f"{good}\n\ndef broken(:\n")
        for request in ({"action": "status"}, {"text": "Something."}):
            answer = asked(folder, **request)
            assert (answer["status"], answer["code"]) == ("error", "INTERNAL")
            assert "SyntaxError" in answer["message"]

        handlers.write_text(f"{good}\n\nraise ValueError('at import')\n")
        assert "at import" in asked(folder, action="status")["message"]

        handlers.write_text(good)
        assert asked(folder, action="status")["pid"] == engine.process.pid
        answer = asked(folder, text="Something.", output=str(folder / "out.wav"))
        assert answer["status"] == "ok", answer
        handlers.write_text(f"{good}\n\ndef broken(:\n")
        assert asked(folder, action="stop") == {"status": "ok"}, "also while its handlers are being worked on"
        assert engine.process.wait(10) == 0


def test_a_running_request_goes_on_with_the_handlers_it_began_with(
    folder: Path, tmp_path: Path, own_copy: Path
) -> None:
    handlers = own_copy / "app" / "daemon" / "handlers.py"
    text = "A sentence that takes its time, and then another. " * 400
    with (
        daemon(folder, tmp_path / "data", environment={"PYTHONPATH": str(own_copy)}),
        ThreadPoolExecutor(1) as threads,
    ):
        waiting = threads.submit(asked, folder, text=text, output=str(folder / "out.wav"))
        wait_until(lambda: asked(folder, action="status")["rendering"])

        handlers.write_text('async def handle(engine, request):\n    return {"status": "ok", "edited": True}\n')

        assert asked(folder, action="status") == {"status": "ok", "edited": True}
        assert not waiting.done()
        assert waiting.result(60)["output"] == str(folder / "out.wav")


def test_a_client_without_a_daemon_is_told_how_to_start_one(folder: Path) -> None:
    with pytest.raises(NotRunning, match="q3tts serve"):
        ask(folder / "sock", STATUS)


def test_a_daemon_that_hangs_is_not_waited_for_for_ever(folder: Path, tmp_path: Path) -> None:
    with daemon(folder, tmp_path / "data") as engine:
        engine.process.send_signal(signal.SIGSTOP)
        try:
            with pytest.raises(SpeechError, match="did not answer"):
                ask(folder / "sock", STATUS, timeout_s=0.1)
        finally:
            engine.process.send_signal(signal.SIGCONT)
