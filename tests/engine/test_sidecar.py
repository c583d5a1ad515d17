"""The first line of standard input, the lines of standard output, and the lifeline."""

import json
import os
import subprocess
import threading
from collections.abc import Generator
from typing import Any

import pytest

from app.config import TAURI_ORIGINS
from app.engine import sidecar
from app.engine.sidecar import MAX_BYTES, Payload, read_payload, watch_lifeline
from app.errors import StartFailed
from tests.support.running import command


class Pipe:
    """A pipe whose ends can be closed by either side."""

    def __init__(self) -> None:
        self.source, self.target = os.pipe()
        self.open = {self.source, self.target}

    def write(self, data: bytes) -> None:
        os.write(self.target, data)

    def end(self) -> None:
        self.close(self.target)

    def close(self, fd: int) -> None:
        if fd in self.open:
            self.open.remove(fd)
            os.close(fd)


@pytest.fixture
def pipe() -> Generator[Pipe]:
    made = Pipe()
    yield made
    made.close(made.target)
    made.close(made.source)


def line(**fields: Any) -> bytes:
    return json.dumps({"v": 1, "token": "0123456789abcdef", **fields}).encode() + b"\n"


def test_what_is_not_said_is_as_on_the_command_line(pipe: Pipe) -> None:
    pipe.write(line())

    assert read_payload(pipe.source) == Payload(
        v=1, token="0123456789abcdef", data_dir=None, port=0, model=None, allowed_origins=TAURI_ORIGINS
    )


def test_everything_can_be_said(pipe: Pipe) -> None:
    pipe.write(line(data_dir="/d", port=5, model="m", allowed_origins=["app://x"]))

    payload = read_payload(pipe.source)

    assert (payload.data_dir, payload.port, payload.model) == ("/d", 5, "m")
    assert payload.allowed_origins == ("app://x",)


def test_not_a_byte_after_the_line_is_taken(pipe: Pipe) -> None:
    pipe.write(line() + b'{"op":"shutdown"}\n')

    read_payload(pipe.source)

    assert os.read(pipe.source, 100) == b'{"op":"shutdown"}\n'


def test_a_line_may_come_in_pieces(pipe: Pipe) -> None:
    whole = line(data_dir="/d")
    writer = threading.Thread(target=lambda: [pipe.write(whole[at : at + 1]) for at in range(len(whole))])
    writer.start()

    payload = read_payload(pipe.source)

    writer.join()
    assert payload.data_dir == "/d"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"\n", "not the JSON payload"),
        (b"[]\n", "not the JSON payload"),
        (b"\xff\xfe\n", "not the JSON payload"),
        (b'{"v":1,"token":"\\ud800"}\n', "not the JSON payload"),
        (line(v=2), "version 2"),
        (line(v="1"), "not the JSON payload"),
        (line(token=5), "token"),
        (line(port="http"), "port"),
        (line(allowed_origins="*"), "allowed_origins"),
        (line(surprise=1), "surprise"),
        (b'{"v":1}\n', "token"),
        (b"x" * (MAX_BYTES + 1), "longer than"),
    ],
)
def test_a_wrong_line_is_refused_without_repeating_the_token(pipe: Pipe, said: bytes, why: str) -> None:
    writer = threading.Thread(target=pipe.write, args=(said,))
    writer.start()

    with pytest.raises(StartFailed, match=why) as refused:
        read_payload(pipe.source)

    writer.join()
    assert refused.value.exit_code == 64
    assert "0123456789abcdef" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("said", [b'{"v":1,"token":"\xff"}\n'])
def test_a_line_that_not_even_a_parser_can_read_is_refused_in_words(pipe: Pipe, said: bytes) -> None:
    pipe.write(said)

    with pytest.raises(StartFailed, match="not the JSON payload"):
        read_payload(pipe.source)


@pytest.mark.parametrize("said", [b"", line()[:-1]])
def test_an_end_before_the_end_of_the_line_is_reported(pipe: Pipe, said: bytes) -> None:
    pipe.write(said) if said else None
    pipe.end()

    with pytest.raises(StartFailed, match="ended before") as refused:
        read_payload(pipe.source)

    assert refused.value.exit_code == 64


def test_an_app_that_says_nothing_is_not_waited_for_for_ever(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sidecar, "PATIENCE_S", 0.01)

    with pytest.raises(StartFailed, match="no JSON line") as refused:
        read_payload(pipe.source)

    assert refused.value.exit_code == 64


def test_standard_output_belongs_to_the_app_alone() -> None:
    run = subprocess.run(command("announcing"), capture_output=True, check=True)

    before, *lines = run.stdout.splitlines()
    assert before == b"before"
    assert [json.loads(said) for said in lines] == [
        {"event": "ready", "port": 1, "text": "ü\nline"},
        {"event": "phase", "phase": "x"},
    ]
    for words in (b"a library prints", b"native code prints", b"a child prints"):
        assert words in run.stderr


def test_an_app_that_has_stopped_reading_does_not_stop_the_engine() -> None:
    engine = command("announcing_to_nobody")
    with subprocess.Popen(engine, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.close()
        process.stdin.close()

        assert process.wait(20) == 7


class Lifeline:
    """A lifeline that is held, and whether it has ended."""

    def __init__(self, pipe: Pipe) -> None:
        self._ended = threading.Event()
        self.thread = watch_lifeline(self._ended.set, pipe.source)

    def ended(self) -> bool:
        return self._ended.wait(10)

    def held_after(self, pipe: Pipe) -> bool:
        """It still holds when everything written so far has been read."""
        pipe.write(b'{"op":"nothing"}\n')
        return not self._ended.is_set()


def test_the_end_of_standard_input_ends_the_lease(pipe: Pipe) -> None:
    lifeline = Lifeline(pipe)
    assert lifeline.held_after(pipe)

    pipe.end()

    assert lifeline.ended()


@pytest.mark.parametrize(
    "said", [b'{"op":"shutdown"}\n', b'{"op": "shutdown", "why": "bye"}\r\n', b'\n{"op":"shutdown"}\n']
)
def test_the_word_shutdown_ends_the_lease(pipe: Pipe, said: bytes) -> None:
    lifeline = Lifeline(pipe)

    pipe.write(said[:5])
    pipe.write(said[5:])

    assert lifeline.ended()
    lifeline.thread.join(10)


@pytest.mark.parametrize(
    "said", [b"hello\n", b"[]\n", b"null\n", b'{"op":"dance"}\n', b"\xff\n", b"x" * 70_000 + b"\n"]
)
def test_other_words_do_not_end_the_lease_and_do_not_break_it(pipe: Pipe, said: bytes) -> None:
    lifeline = Lifeline(pipe)

    pipe.write(said)
    assert lifeline.held_after(pipe)

    pipe.end()
    assert lifeline.ended()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_line_of_brackets_does_not_break_the_lease(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    lifeline = Lifeline(pipe)

    pipe.write(b"[" * 60_000 + b"\n")
    pipe.end()

    lifeline.thread.join(10)
    assert lifeline._ended.is_set()  # pyright: ignore[reportPrivateUsage]
