"""How soon the command line has done its part, against an interpreter that does nothing."""

import socket
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

from app.daemon.protocol import HEADER, length_of, packed, unpacked
from bench.figures import Measurement, ratios, rounds_of
from bench.process import environment, scratch

COMMAND = (sys.executable, "-P", "-m", "app")

STATUS = {
    "status": "ok",
    "pid": 1,
    "version": "0",
    "url": "http://127.0.0.1:1/v1",
    "data_dir": "/",
    "token_file": None,
    "model": "espeak-ng",
    "speaking": 0,
    "rendering": 0,
    "queued": 0,
    "uptime_s": 1.0,
}


def terminal(*, quick: bool) -> Measurement:
    """From exec until `q3tts status` has exited, and until the request of `q3tts "text"` is on the wire.

    At the socket is a thread of this process that answers at once, so that no engine's time is in it; it notes when
    it has read the last byte of a request. Bare: `python -c pass`, exec to exit; and the same with `import click`,
    which no command line of this kind can do without. One of each per round; an uncounted round comes first, so
    that bytecode and file cache are warm. Ratios are taken round by round.
    """
    status: list[float] = []
    text: list[float] = []
    bare: list[float] = []
    clicked: list[float] = []
    with scratch() as folder, _answering(folder / "s") as arrived:
        for _ in range(3 if quick else 21):
            status.append(_run((*COMMAND, "status", "--socket", str(folder / "s"))))
            arrived.get()
            before = time.perf_counter()
            _run((*COMMAND, "--socket", str(folder / "s"), "Take good shoes."))
            action, at = arrived.get()
            assert action == "generate", action
            text.append(at - before)
            bare.append(_run((sys.executable, "-c", "pass")))
            clicked.append(_run((sys.executable, "-c", "import click")))
    status, text, bare, clicked = status[1:], text[1:], bare[1:], clicked[1:]
    return Measurement(
        figures=[
            rounds_of("q3tts status, exec to exit", [1000 * each for each in status], unit="ms", at_most=100),
            rounds_of('q3tts "text", exec to request', [1000 * each for each in text], unit="ms"),
            rounds_of("python -c pass, exec to exit", [1000 * each for each in bare], unit="ms"),
            rounds_of("python -c 'import click'", [1000 * each for each in clicked], unit="ms"),
            rounds_of("status / python -c pass", ratios(status, bare)),
            rounds_of('"text" / python -c pass', ratios(text, bare)),
            rounds_of("status / import click", ratios(status, clicked)),
        ],
        details={"rounds": {"status": status, "text": text, "bare": bare, "click": clicked}},
    )


def _run(command: Sequence[str]) -> float:
    before = time.perf_counter()
    subprocess.run(command, env=environment(), check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return time.perf_counter() - before


@contextmanager
def _answering(path: Path) -> Generator["Queue[tuple[str, float]]"]:
    """A socket that answers everything at once: of each request its action, and when it had arrived."""
    arrived: Queue[tuple[str, float]] = Queue()
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(str(path))
    listening.listen()

    def serve() -> None:
        while True:
            connection, _ = listening.accept()
            with connection, connection.makefile("rb") as file:
                request: dict[str, Any] = unpacked(file.read(length_of(file.read(HEADER.size))))
                if request["action"] == "end":
                    return
                arrived.put((request["action"], time.perf_counter()))
                connection.sendall(packed(STATUS))

    thread = Thread(target=serve)
    thread.start()
    try:
        yield arrived
    finally:
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as last:
            last.connect(str(path))
            last.sendall(packed({"action": "end"}))
        thread.join()
        listening.close()
