"""Whatever standard output is, a command ends with one line at most, and never with a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import Shell
from tests.support.variants import in_test_long

COMMAND = (sys.executable, "-P", "-m", "app")


def environment(home: Path, **variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("Q3TTS") and name != "COLUMNS"}
    return {**kept, "HOME": str(home), **variables}


@pytest.fixture
def home(tmp_path: Path, shell: Shell) -> dict[str, str]:
    """The environment of a user whose daemon runs."""
    return environment(tmp_path, Q3TTS_SOCKET=str(shell.socket_path))


def test_what_an_encoding_does_not_have_is_a_question_mark(home: dict[str, str]) -> None:
    done = subprocess.run(
        [*COMMAND, "voices"],
        env={**home, "PYTHONIOENCODING": "latin-1", "COLUMNS": "60"},
        capture_output=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, b"")
    assert any(line.count(b"?") for line in done.stdout.splitlines()), "a name is cut with …"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk to write to")
@pytest.mark.parametrize("arguments", [("voices",), *in_test_long((("--help",),), (("voices", "--json"),))])
def test_a_full_disk_is_said_in_one_line(home: dict[str, str], arguments: tuple[str, ...]) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*COMMAND, *arguments], env=home, stdout=full, stderr=subprocess.PIPE, check=False)

    assert done.returncode == 74
    assert done.stderr == b"q3tts: standard output cannot be written: No space left on device\n"


@pytest.mark.parametrize("closed", ["<&- >&- 2>&-", *in_test_long(">&-")])
def test_a_closed_stream_takes_everything(tmp_path: Path, closed: str) -> None:
    """Also of a command that starts an engine of its own."""
    done = subprocess.run(
        ["sh", "-c", f'"$@" {closed}', "sh", *COMMAND, "voices"],
        env=environment(tmp_path),
        capture_output=True,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_table_that_a_program_reads_is_not_cut(home: dict[str, str]) -> None:
    done = subprocess.run([*COMMAND, "voices"], env=home, capture_output=True, text=True, check=True)

    assert max(map(len, done.stdout.splitlines())) > 80
    assert "…" not in done.stdout
