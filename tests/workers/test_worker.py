"""The worker process at the end of its pipe: it serves it, and it never outlives it."""

import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from app.inference import wire
from app.inference.model import FinishReason, Frame, Lane
from app.inference.processor import Processor
from tests.support.fakes import fake_pcm
from tests.support.waiting import wait_until
from tests.support.worker import Worker, alive, stop, utterance


@pytest.fixture
def control(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def worker(control: Path) -> Generator[Worker]:
    started = Worker("-m", "tests.support.fakes", str(control), "4")
    assert started.hear() == wire.Ready(4, Processor("cpu"))
    yield started
    stop(started)


def test_utterances_become_frames(worker: Worker) -> None:
    spoken = [utterance(number, f"Number {number}. " * 9) for number in range(3)]

    worker.tell(wire.Add(spoken))

    heard = worker.frames(0, 1, 2)
    for one in spoken:
        assert b"".join(frame.pcm for frame in heard[one.id]) == fake_pcm(one)
        assert heard[one.id][-1].finish_reason is FinishReason.STOP


def test_a_ping_is_answered_while_the_worker_rests(worker: Worker) -> None:
    worker.tell(wire.Ping())

    assert worker.hear() == wire.Pong()


def test_pings_and_cancels_are_answered_between_steps(worker: Worker) -> None:
    worker.tell(wire.Add([utterance(1, "[hold:never] Held.")]))
    assert isinstance(worker.hear(), wire.Frames)

    worker.tell(wire.Ping())
    assert worker.hear() == wire.Pong()

    worker.tell(wire.Cancel(1))
    assert worker.frames(1)[1][-1].finish_reason is FinishReason.CANCELED


def test_canceling_what_is_not_there_is_harmless(worker: Worker) -> None:
    worker.tell(wire.Cancel(99), wire.Add([utterance(1, "Short.")]), wire.Cancel(98))

    assert worker.frames(1)[1][-1].finish_reason is FinishReason.STOP


def test_a_listener_is_served_first(worker: Worker) -> None:
    worker.tell(wire.Add([utterance(1, "[long] A book.")]), wire.Add([utterance(2, "Quick.", Lane.SPEAK)]))

    heard: list[Frame] = []
    while not any(frame.final and frame.id == 2 for frame in heard):
        message = worker.hear()
        assert isinstance(message, wire.Frames)
        heard += message.frames

    assert not any(frame.final and frame.id == 1 for frame in heard)


def test_it_ends_when_its_pipe_closes_while_it_rests(worker: Worker) -> None:
    worker.close()

    assert worker.ended() == 0
    assert worker.errors() == b""


def test_it_ends_when_its_pipe_closes_while_it_works(worker: Worker) -> None:
    worker.tell(wire.Add([utterance(1, "[hold:never] Held.")]))
    worker.hear()

    worker.close()

    assert worker.ended() == 0


def test_it_ends_when_nobody_reads_what_it_says(worker: Worker) -> None:
    worker.stdout.close()

    worker.tell(wire.Add([utterance(1, "[long] A book.")]))

    assert worker.ended() == 0


@pytest.mark.parametrize(
    "garbage",
    [
        b"\xff\xff\xff\xff",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x00\x00\x00\x04junk",
        wire.packed(wire.Pong()),
        b"\x00\x00\x00\x00",
    ],
)
def test_garbage_in_its_pipe_ends_it(worker: Worker, garbage: bytes) -> None:
    worker.stdin.write(garbage)

    assert worker.ended() == 1


def test_half_a_message_and_then_the_end_ends_it(worker: Worker) -> None:
    worker.stdin.write(wire.packed(wire.Add([utterance(1, "Half.")]))[:9])
    worker.close()

    assert worker.ended() == 0


def test_ctrl_c_does_not_reach_it(worker: Worker) -> None:
    worker.process.send_signal(signal.SIGINT)

    worker.tell(wire.Add([utterance(1, "It goes on.")]))

    assert worker.frames(1)[1][-1].finish_reason is FinishReason.STOP


def test_what_libraries_print_does_not_get_into_the_pipe(control: Path) -> None:
    worker = Worker("-m", "tests.support.programs.noisy_worker", str(control))
    try:
        assert worker.hear() == wire.Ready(4, Processor("cpu"))
        spoken = utterance(1, "Loud enough. " * 10)

        worker.tell(wire.Add([spoken]))

        assert b"".join(frame.pcm for frame in worker.frames(1)[1]) == fake_pcm(spoken)
        worker.close()
        assert worker.ended() == 0
        said = worker.errors()
        for words in (b"a library says hello", b"so does native code", b"somebody with the descriptor"):
            assert words in said
    finally:
        stop(worker)


def test_a_model_that_cannot_be_loaded_is_reported(control: Path) -> None:
    worker = Worker("-m", "tests.support.programs.unloadable_worker")
    try:
        assert worker.hear() == wire.LoadFailed("FileNotFoundError: weights.bin is missing")
        assert worker.ended() == 1
    finally:
        stop(worker)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[hold:never] Held.",
        pytest.param(
            "[hang:once] It does not read its pipe any more.",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child"),
        ),
    ],
)
def test_it_ends_when_its_parent_is_killed(control: Path, text: str) -> None:
    command = [sys.executable, "-P", "-m", "tests.support.programs.parent_of_worker", str(control), text]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert parent.stdout is not None
    assert parent.stderr is not None
    pid = int(parent.stderr.readline())
    assert parent.stdout.read(wire.LENGTH_BYTES), "it is ready"
    if "hang" in text:
        wait_until(lambda: (control / "once").exists())

    parent.kill()
    parent.wait()

    wait_until(lambda: not alive(pid))
    parent.stdout.close()
    parent.stderr.close()
