"""The worker process at the end of its pipe: it serves it, and it never outlives it."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from app.inference import wire
from app.inference.model import FinishReason, Frame, Lane, Utterance, VoiceKind, VoiceSpec
from app.inference.processor import Processor
from tests.support.fakes import fake_pcm

PATIENCE_S = 20.0

#: Fakes that do what native code does; each is the whole program of a worker.
NOISY = """
import ctypes, os, pathlib, sys
from app.workers.synthesis.main import main
from tests.support.fakes import FakeModel

class Noisy(FakeModel):
    def step(self):
        print("a library says hello")
        sys.stdout.flush()
        ctypes.CDLL(None).puts(b"so does native code")
        ctypes.CDLL(None).fflush(None)
        os.write(1, b"and so does somebody with the descriptor")
        assert not os.read(0, 10), "standard input is the pipe"
        return super().step()

sys.exit(main(lambda: Noisy(pathlib.Path(sys.argv[1]), 4)))
"""
BROKEN = """
import sys
from app.workers.synthesis.main import main

def load():
    raise FileNotFoundError("weights.bin is missing")

sys.exit(main(load))
"""


class Worker:
    """A worker, and the engine's end of its pipe."""

    def __init__(self, *command: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )

    @property
    def stdin(self) -> Any:
        return self.process.stdin

    @property
    def stdout(self) -> Any:
        return self.process.stdout

    def tell(self, *messages: wire.ToWorker) -> None:
        self.stdin.write(b"".join(wire.packed(message) for message in messages))

    def close(self) -> None:
        self.stdin.close()

    def _exactly(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            assert select.select([self.stdout], [], [], PATIENCE_S)[0], "the worker says nothing"
            piece = self.stdout.read(count - len(found))
            assert piece, f"the worker ended with {self.process.wait(PATIENCE_S)}"
            found += piece
        return found

    def hear(self) -> wire.FromWorker:
        return wire.from_worker(self._exactly(wire.body_bytes(self._exactly(wire.LENGTH_BYTES))))

    def frames(self, *ids: int) -> dict[int, list[Frame]]:
        """All frames, until each of these has had its final one."""
        found: dict[int, list[Frame]] = {number: [] for number in ids}
        while not all(frames and frames[-1].final for frames in found.values()):
            message = self.hear()
            if isinstance(message, wire.Frames):
                for frame in message.frames:
                    found[frame.id].append(frame)
        return found

    def ended(self) -> int:
        return self.process.wait(PATIENCE_S)

    def errors(self) -> bytes:
        """What it wrote to standard error, when it has ended."""
        assert self.process.stderr is not None
        return self.process.stderr.read()


@pytest.fixture
def control(tmp_path: Path) -> Path:
    return tmp_path


def stop(worker: Worker) -> None:
    worker.process.kill()
    worker.process.wait()
    for pipe in (worker.process.stdin, worker.process.stdout, worker.process.stderr):
        assert pipe is not None
        if not pipe.closed:
            pipe.close()


@pytest.fixture
def worker(control: Path) -> Generator[Worker]:
    started = Worker("-m", "tests.support.fakes", str(control), "4")
    assert started.hear() == wire.Ready(4, Processor("cpu"))
    yield started
    stop(started)


def utterance(number: int, text: str, lane: Lane = Lane.RENDER) -> Utterance:
    return Utterance(id=number, text=text, voice=VoiceSpec(VoiceKind.PRESET, name="one"), lane=lane, seed=number)


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
    worker = Worker("-c", NOISY, str(control))
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


def test_a_model_that_cannot_be_loaded_is_told(control: Path) -> None:
    worker = Worker("-c", BROKEN)
    try:
        assert worker.hear() == wire.Broken("FileNotFoundError: weights.bin is missing")
        assert worker.ended() == 1
    finally:
        stop(worker)


PARENT = """
import subprocess, sys, time
from app.inference import wire
from tests.workers.test_worker import utterance

command = [sys.executable, "-P", "-m", "tests.support.fakes", sys.argv[1], "4"]
child = subprocess.Popen(command, stdin=subprocess.PIPE)
if sys.argv[2]:
    child.stdin.write(wire.packed(wire.Add([utterance(1, sys.argv[2])])))
    child.stdin.flush()
print(child.pid, flush=True, file=sys.stderr)
time.sleep(1000)
"""


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
    parent = subprocess.Popen(
        [sys.executable, "-P", "-c", PARENT, str(control), text], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert parent.stdout is not None
    assert parent.stderr is not None
    pid = int(parent.stderr.readline())
    assert parent.stdout.read(wire.LENGTH_BYTES), "it is ready"
    if "hang" in text:
        wait_for(lambda: (control / "once").exists())

    parent.kill()
    parent.wait()

    wait_for(lambda: not alive(pid))
    parent.stdout.close()
    parent.stderr.close()


def wait_for(fact: Any) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def alive(pid: int) -> bool:
    """It runs: a zombie, which nobody has fetched yet, does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    try:
        return ") Z" not in stat.read_text() if Path("/proc/self").exists() else True
    except (FileNotFoundError, ProcessLookupError):
        return False
