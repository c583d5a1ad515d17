"""What the Tab key offers, in a real bash."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from app.cli.engine import EngineClient
from app.cli.main import cli
from tests.cli.commands import ENGLISH, Shell, environment

PRESS = """
eval "$(q3tts completion bash)" || exit 1
complete -p q3tts >&2
while IFS= read -r line; do
    eval "COMP_WORDS=($line)"
    [[ $line == *" " ]] && COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
    _q3tts_completion q3tts
    (IFS=$'\\t'; echo "${COMPREPLY[*]}")
done
"""


@pytest.fixture
def bash(tmp_path: Path) -> str:
    """One that click's script is written for."""
    program = shutil.which("bash")
    if program is None:
        pytest.skip("there is no bash")
    version = subprocess.run([program, "-c", "echo ${BASH_VERSINFO[0]}"], capture_output=True, check=True).stdout
    if int(version) < 5:
        pytest.skip("this bash is older than click's script for it")
    return program


def offered(bash: str, home: Path, lines: list[str], **variables: str) -> list[list[str]]:
    """What bash inserts for each line when the key is pressed at its end."""
    program = home / "q3tts"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m app "$@"\n')
    program.chmod(0o755)
    run = subprocess.run(
        [bash, "--norc", "-c", PRESS],
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**environment(home), "PATH": f"{home}:{os.environ['PATH']}", **variables},
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr.splitlines() == ["complete -o nosort -F _q3tts_completion q3tts"]
    return [line.split("\t") if line else [] for line in run.stdout.splitlines()]


def test_bash_completes_commands_options_voices_jobs_and_models(
    bash: str, tmp_path: Path, shell: Shell, engine: EngineClient
) -> None:
    job: dict[str, Any] = engine.post("/jobs", {"voice_id": ENGLISH, "text": "Shoes."})

    found = offered(
        bash,
        tmp_path,
        [
            "q3tts sta",
            "q3tts --vo",
            "q3tts jobs --older",
            "q3tts jobs --sta",
            "q3tts jobs --status f",
            f"q3tts jobs show {job['job_id'][:4]}",
            "q3tts jobs delete --older",
            "q3tts --voice dut",
            r"q3tts render x.txt --voice 'english\ \(am'",
            "q3tts models show esp",
            "q3tts render --language polis",
            "q3tts help jobs sh",
        ],
        Q3TTS_SOCKET=str(shell.socket_path),
    )

    assert found == [
        ["status"],
        ["--voice", "--volume"],
        [],
        ["--status"],
        ["failed"],
        [job["job_id"][:8]],
        ["--older-than"],
        ["Dutch"],
        [r"English\ \(America\)"],
        ["espeak-ng"],
        ["Polish"],
        ["show"],
    ]


def test_where_nothing_was_ever_made_the_key_makes_nothing(bash: str, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"

    assert offered(bash, tmp_path, ["q3tts --voice dut"], Q3TTS_DATA_DIR=str(data_dir)) == [[]]

    assert not data_dir.exists()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_a_script_that_asks_this_program(shell: str) -> None:
    run = CliRunner().invoke(cli, ["completion", shell])

    assert run.exit_code == 0
    assert f"_Q3TTS_COMPLETE={shell}_complete" in run.stdout
    assert CliRunner().invoke(cli, ["completion", "cmd"]).exit_code == 2
