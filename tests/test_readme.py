"""The README's commands, run as they stand there: what a newcomer pastes first."""

import os
import re
import shutil
import subprocess
import sys
import wave
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path

import pytest

from app.daemon.client import ask
from app.engine.start import bind
from app.errors import SpeechError
from tests.cli.commands import environment

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[1]


def script_of(heading: str) -> str:
    """The shell commands below a heading."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return "\n".join(re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL))


@pytest.fixture
def home(tmp_path: Path) -> Generator[Path]:
    """A home folder with `q3tts` on the path, and the demo's text in the current folder."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "q3tts"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -P -m app "$@"\n')
    program.chmod(0o755)
    shutil.copytree(ROOT / "demo", tmp_path / "demo")
    yield tmp_path
    with suppress(SpeechError):
        ask(tmp_path / ".q3tts.sock", {"action": "stop"}, timeout_s=5)


def pasted(script: str, home: Path, **variables: str) -> None:
    path = f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=home,
        env={**environment(home), "PATH": path, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def seconds_of(path: Path) -> float:
    with wave.open(str(path)) as wav:
        return wav.getnframes() / wav.getframerate()


def test_the_commands_that_save_a_file_save_it(home: Path) -> None:
    script = script_of("A file")

    pasted(script, home)

    assert seconds_of(home / "tide.wav") > 1.5
    assert seconds_of(home / "lighthouse.wav") > 180


@pytest.mark.skipif(sys.platform != "linux", reason="the commands name the place of the token on Linux")
def test_the_http_request_makes_a_file(home: Path) -> None:
    with bind("127.0.0.1", 0) as free:
        port: int = free.getsockname()[1]
    script = script_of("An HTTP request").replace("5123", str(port))

    pasted(script, home, Q3TTS_SERVE_PORT=str(port))

    assert seconds_of(home / "tide.wav") > 1.5
