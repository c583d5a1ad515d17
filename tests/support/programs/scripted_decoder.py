"""The process that reads a recording, with a decoder that does what the first argument says.

All that it uses is imported or open before the process gives up its rights. The second argument is a file to write
to.
"""

import ctypes
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from typing import NoReturn

from app.audio.recordings.reference import Recording
from app.errors import InvalidAudio
from app.workers.recording import main as worker


def name_what_works() -> NoReturn:
    """Refuse with the names of what should not work and does."""
    attempts: dict[str, Callable[[], object]] = {
        "read": lambda: os.open("/etc/passwd", os.O_RDONLY),
        "write": lambda: os.open("/tmp/ref-of-a-test", os.O_WRONLY | os.O_CREAT),
        "connect": socket.socket,
        "run": lambda: subprocess.run(["true"], check=False),
        "grow": lambda: len(bytearray(2 << 30)),
    }
    done: list[str] = []
    for name, attempt in attempts.items():
        try:
            attempt()
        except (OSError, MemoryError):
            continue
        done.append(name)
    raise InvalidAudio(f"{done} {'av' in sys.modules} {resource.getrlimit(resource.RLIMIT_CPU)[0]}")


def write(target: int) -> None:
    try:
        os.write(target, b"x")
    except OSError as error:
        raise InvalidAudio(str(error.strerror)) from None


def print_and_read() -> NoReturn:
    print("hello")
    sys.stdout.flush()
    os.write(1, b"native")
    raise InvalidAudio(f"it has read {os.read(0, 9)}")


def compute() -> None:
    while True:
        pass


def hang() -> None:
    os.write(2, b"it hangs")
    time.sleep(600)


def fail() -> NoReturn:
    raise RuntimeError("x" * 9_000 + "a defect")


DECODERS: dict[str, Callable[[], object]] = {
    "writes": lambda: None,
    "names what works": name_what_works,
    "needs memory": lambda: bytearray(2 << 30),
    "aborts": os.abort,
    "exits": lambda: os._exit(0),
    "reads address 0": lambda: ctypes.string_at(0),
    "fails": fail,
    "computes": compute,
    "sleeps": lambda: time.sleep(600),
    "hangs": hang,
    "prints": print_and_read,
}


def main(way: str, *files: str) -> int:
    targets = [os.open(file, os.O_WRONLY | os.O_CREAT) for file in files]

    def decoded(data: bytes, *, normalize: bool) -> Recording:
        for target in targets:
            write(target)
        DECODERS[way]()
        raise AssertionError("the decoder should not have come back")

    worker.decoded = decoded
    if way == "computes":
        worker.MAX_CPU_S = 1
    worker.MAX_CLOCK_S = {"sleeps": 1, "hangs": 600}.get(way, worker.MAX_CLOCK_S)
    return worker.main()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
