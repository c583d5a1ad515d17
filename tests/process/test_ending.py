"""A process ends at once when its work is done, and in time even when something hangs."""

import signal
import subprocess

import pytest

from tests.support.running import command


@pytest.mark.parametrize(
    ("how", "code", "said"), [("finished", 7, "flushed"), ("asleep", 3, ""), ("held", -signal.SIGALRM, "")]
)
def test_a_process_ends_whatever_hangs(how: str, code: int, said: str) -> None:
    ended = subprocess.run(command("ending", how), capture_output=True, text=True, timeout=20, check=False)

    assert (ended.returncode, ended.stdout) == (code, said)
