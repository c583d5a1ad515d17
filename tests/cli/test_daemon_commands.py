"""`q3tts serve --daemon`, `status`, `stop`, and text as a command: real processes, a real socket, espeak-ng."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import wave
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any, TypeAlias

import pytest

from app.cli.engine import connected
from app.daemon.client import ask
from app.daemon.protocol import HEADER, length_of, packed, unpacked
from app.errors import NotRunning
from tests.cli.commands import environment
from tests.support.running import modules_loaded_by
from tests.support.sidecar import sidecar

pytestmark = pytest.mark.long

Run: TypeAlias = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def q3tts(home: Path) -> Run:
    def run(*arguments: str, **options: Any) -> "subprocess.CompletedProcess[str]":
        given = {"stdin": subprocess.DEVNULL} if "input" not in options else {}
        return subprocess.run(
            [sys.executable, "-P", "-m", "app", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=environment(home),
            **given,
            **options,
        )

    return run


def text_of(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def seconds_of(path: Path) -> float:
    with wave.open(str(path)) as wav:
        return wav.getnframes() / wav.getframerate()


def test_a_daemon_is_started_asked_and_stopped(q3tts: Run, home: Path) -> None:
    started = q3tts("serve", "--daemon", "--port", "0")
    assert started.returncode == 0, started.stderr
    assert str(home / ".q3tts.sock") in started.stdout

    told = q3tts("status", "--json")
    answer = json.loads(told.stdout)
    assert (answer["status"], answer["model"], answer["queued"]) == ("ok", "espeak-ng", 0)
    assert f"pid {answer['pid']}" in started.stdout
    assert all(len(line) <= 80 for line in q3tts("status").stdout.splitlines() if str(home) not in line)

    stopped = q3tts("stop")

    assert (stopped.returncode, stopped.stdout) == (0, "stopped\n")
    assert not (home / ".q3tts.sock").exists()
    assert not re.match(r"\d+ \(.*\) [^Z]", text_of(Path(f"/proc/{answer['pid']}/stat")))
    for command in ("status", "stop"):
        gone = q3tts(command)
        assert gone.returncode == 69
        assert "q3tts serve --daemon" in gone.stderr
        assert len(gone.stderr.splitlines()) == 1


def test_the_engine_of_a_command_and_that_of_an_app_are_shown_for_what_they_are(q3tts: Run, home: Path) -> None:
    data = str(home / "data")
    with connected(home / "s", home / "data") as engine:
        shown = q3tts("status", "--data-dir", data)
        assert "for a command" in shown.stdout
        assert str(engine.socket_path) in shown.stdout
        assert "0 jobs" in shown.stdout
        assert q3tts("jobs", "--data-dir", data).stderr == "there are no jobs yet\n"
        refused = q3tts("serve", "--daemon", "--port", "0", "--data-dir", data)
        assert refused.returncode == 75
        assert "the engine of another command (pid " in refused.stderr
        assert "which ends by itself" in q3tts("stop", "--data-dir", data).stderr

    with sidecar(home / "data") as app:
        ready = app.ready()
        told = json.loads(q3tts("status", "--data-dir", data, "--json").stdout)
        assert (told["kind"], told["pid"], told["data_dir"]) == ("sidecar", ready["pid"], data)
        assert "for an app alone" in q3tts("status", "--data-dir", data).stdout

    nothing = q3tts("status", "--data-dir", data)
    assert nothing.returncode == 69
    assert f"kept in {data}" in nothing.stderr


def test_a_daemon_that_cannot_start_says_why(q3tts: Run, home: Path) -> None:
    assert q3tts("serve", "--daemon", "--port", "0").returncode == 0

    second = q3tts("serve", "--daemon", "--port", "0", "--data-dir", str(home / "other"))

    assert second.returncode == 75
    assert "q3tts stop" in second.stderr
    assert q3tts("status").returncode == 0
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        third = q3tts("serve", "--daemon", "--port", port, "--socket", str(home / "s"))
    assert third.returncode == 69
    assert port in third.stderr


def test_a_daemon_that_is_not_well_is_said_to_be_and_is_stopped_all_the_same(home: Path) -> None:
    """As one whose handlers are being worked on."""
    path = home / ".q3tts.sock"
    asked: list[str] = []

    def answer() -> None:
        while len(asked) < 4:
            connection, _ = listening.accept()
            with connection, connection.makefile("rb") as file:
                asked.append(unpacked(file.read(length_of(file.read(HEADER.size))))["action"])
                if asked[-1] == "stop":
                    path.unlink()
                    connection.sendall(packed({"status": "ok"}))
                else:
                    connection.sendall(packed({"status": "error", "message": "SyntaxError"}))

    def q3tts(command: str) -> "subprocess.CompletedProcess[str]":
        run = [sys.executable, "-P", "-m", "app", command]
        return subprocess.run(run, capture_output=True, text=True, check=False, env=environment(home), timeout=60)

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        thread = Thread(target=answer)
        thread.start()
        for command in ("status", "logs"):
            unwell = q3tts(command)
            assert unwell.returncode in (1, 69)
            assert len(unwell.stderr.splitlines()) == 1
        stopped = q3tts("stop")
        thread.join(10)

    assert asked == ["status", "status", "status", "stop"]
    assert (stopped.returncode, stopped.stdout) == (0, "stopped\n")


def test_options_reach_the_daemon_but_for_the_token(q3tts: Run, home: Path) -> None:
    options = ("--port", "0", "--data-dir", "data", "--socket", "s")
    q3tts("serve", "--daemon", *options, "--token", "a-token-of-sixteen", cwd=home)
    answer = ask(home / "s", {"action": "status"}, timeout_s=5)
    assert answer["token_file"] is None
    assert "a-token" not in text_of(Path(f"/proc/{answer['pid']}/cmdline"))
    assert q3tts("stop", "--socket", str(home / "s")).returncode == 0

    q3tts("serve", "--daemon", *options, cwd=home)

    answer = ask(home / "s", {"action": "status"}, timeout_s=5)

    assert answer["data_dir"] == str(home / "data")
    assert (home / "data" / "token").exists()
    assert q3tts("stop", "--socket", str(home / "s")).returncode == 0


@pytest.mark.parametrize("daemon", [True, False])
def test_text_becomes_a_file_with_a_daemon_and_without(q3tts: Run, home: Path, daemon: bool) -> None:
    if daemon:
        q3tts("serve", "--daemon", "--port", "0")
    target = home / "shoes.wav"

    saved = q3tts("-o", "shoes.wav", "--language", "German", "--json", "Nimm", "gute Schuhe.", cwd=home)

    assert saved.returncode == 0, saved.stderr
    answer = json.loads(saved.stdout)
    assert answer["output"] == str(target)
    assert seconds_of(target) == pytest.approx(answer["audio_seconds"], abs=0.001)
    assert 0.8 < seconds_of(target) < 4
    piped = q3tts("-o", "piped.wav", input="\ufeffNimm gute Schuhe.", cwd=home)
    assert piped.returncode == 0, piped.stderr
    assert q3tts("-o", "same.wav", "--", "stop", cwd=home).returncode == 0, "a word that is a command, too"
    listed = json.loads(q3tts("jobs", "list", "--json").stdout)
    assert [job["status"] for job in listed["jobs"]] == ["completed"] * 3
    assert [job["title"] for job in listed["jobs"]] == ["stop", "Nimm gute Schuhe.", "Nimm gute Schuhe."]
    if not daemon:
        with pytest.raises(NotRunning):
            ask(home / ".q3tts.sock", {"action": "status"})


def test_on_a_terminal_a_text_shows_how_far_it_is(home: Path) -> None:
    ours, theirs = os.openpty()
    command = [sys.executable, "-P", "-m", "app", "-o", "shoes.wav", "Take good shoes. " * 20]
    with subprocess.Popen(
        command,
        cwd=home,
        env={**environment(home), "TERM": "xterm", "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as running:
        os.close(theirs)
        seen = b""
        with suppress(OSError):  # on Linux, how a terminal ends
            while piece := os.read(ours, 65536):
                seen += piece
        os.close(ours)
        assert running.communicate(timeout=60)[0] == b""

    assert running.returncode == 0, seen
    assert "100% " in seen.decode()
    assert " of speech" in seen.decode()
    assert 10 < seconds_of(home / "shoes.wav") < 60


def test_what_cannot_be_spoken_is_refused_in_one_line(q3tts: Run, home: Path) -> None:
    for code, arguments, said in (
        (2, ["-o", "x.txt", "Hello."], ".wav"),
        (1, ["-o", "x.wav", "--voice", "nobody", "Hello."], "nobody"),
        (2, ["-o", "x.wav", "--language", "Inglish", "Hello."], "English"),
        (1, ["-o", "x.wav", "--language", "xx", "Hello."], "does not speak 'xx'"),
        (1, ["-o", "x.wav", "  "], "empty"),
    ):
        refused = q3tts(*arguments, cwd=home)
        assert refused.returncode == code
        assert said in refused.stderr
        assert refused.stderr.startswith("q3tts: ")
        assert len(refused.stderr.splitlines()) == 1
        assert not list(home.glob("x.*"))


def test_standard_input_that_is_not_text_is_named(home: Path) -> None:
    command = [sys.executable, "-P", "-m", "app", "-o", "x.wav"]
    refused = subprocess.run(
        command, input=b"caf\xe9", capture_output=True, timeout=60, check=False, env=environment(home), cwd=home
    )

    assert refused.returncode == 2
    assert b"byte 3" in refused.stderr


def test_ctrl_c_ends_the_job_and_the_command(q3tts: Run, home: Path) -> None:
    q3tts("serve", "--daemon", "--port", "0")
    path = home / ".q3tts.sock"
    (home / "book.txt").write_text("They walked to the harbour, and nobody said a word. " * 80_000)
    with (home / "book.txt").open() as book:
        speaking = subprocess.Popen(
            [sys.executable, "-P", "-m", "app", "-o", "book.wav"], stdin=book, env=environment(home), cwd=home
        )
        while not ask(path, {"action": "status"}, timeout_s=5)["rendering"]:
            assert speaking.poll() is None
        speaking.send_signal(signal.SIGINT)
        assert speaking.wait(20) == 130

    while (answer := ask(path, {"action": "status"}, timeout_s=5))["rendering"]:
        pass
    assert answer["queued"] == 0
    listed = json.loads(q3tts("jobs", "list", "--json").stdout)
    assert [job["status"] for job in listed["jobs"]] == ["canceled"]
    assert not list(home.glob("*.wav*"))


def test_words_are_completed_by_the_shell(home: Path) -> None:
    def completed(words: str, at: int) -> set[str]:
        shell = {"_Q3TTS_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(at)}
        program = "from app.cli.main import cli; cli(prog_name='q3tts')"
        run = subprocess.run(
            [sys.executable, "-P", "-c", program],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**environment(home), **shell},
        )
        return {line.partition(",")[2] for line in run.stdout.splitlines()}

    assert completed("q3tts st", 1) == {"stop", "status"}
    assert completed("q3tts jobs ca", 2) == {"cancel"}
    assert "--socket" in completed("q3tts status --", 2)


def test_status_and_text_import_nothing_that_takes_time() -> None:
    heavy = {"litestar", "sqlalchemy", "numpy", "uvicorn", "alembic", "asyncio", "mlx", "rich", "http.client"}

    assert heavy.isdisjoint(modules_loaded_by("app.cli.main", "app.cli.daemon", "app.cli.say"))
