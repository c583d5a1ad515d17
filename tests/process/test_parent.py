"""The end of a process that is not ours is noticed, whatever ended it."""

import subprocess
import sys
import threading
from collections.abc import Generator
from pathlib import Path

import pytest

from app.process.parent import when_gone
from tests.support.sidecar import TOKEN, told


@pytest.fixture
def other() -> Generator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_process_that_lives_is_waited_for(other: subprocess.Popen[bytes]) -> None:
    ended = threading.Event()
    thread = when_gone(other.pid, ended.set)
    assert not ended.wait(0.2)

    other.kill()

    assert ended.wait(10)
    thread.join(10)
    assert not thread.is_alive()


def test_a_process_that_is_gone_already_is_noticed_at_once(other: subprocess.Popen[bytes]) -> None:
    other.kill()
    other.wait(10)
    ended = threading.Event()

    when_gone(other.pid, ended.set)

    assert ended.wait(10)


def test_an_engine_ends_with_the_app_it_was_given_although_its_standard_input_stays_open(
    tmp_path: Path, other: subprocess.Popen[bytes]
) -> None:
    payload = {"v": 1, "token": TOKEN, "data_dir": str(tmp_path), "parent_pid": other.pid}
    with told(payload) as engine:
        engine.ready()
        assert engine.process.poll() is None

        other.kill()

        assert engine.process.wait(10) == 0


def test_an_engine_whose_app_has_gone_before_it_began_does_not_stay(
    tmp_path: Path, other: subprocess.Popen[bytes]
) -> None:
    other.kill()
    other.wait(10)
    with told({"v": 1, "token": TOKEN, "data_dir": str(tmp_path), "parent_pid": other.pid}) as engine:
        assert engine.process.wait(10) == 0
