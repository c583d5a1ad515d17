"""An engine of the command's own: `q3tts serve --sidecar` as a child while the command runs. The token goes over
its standard input, the command's lifeline, whose end tells the engine to stop. Other commands may join meanwhile
(`engine.py`); then it ends with the last of them.
"""

import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple

from app.cli.lifeline import SOCKET, Lifeline, new_lifeline
from app.engine.launch import wait_until_ready
from app.errors import StartFailed
from app.process.executable import program

#: How long it may take to get ready, and to stop. In seconds.
START_S, STOP_S = 60.0, 10.0

Process = subprocess.Popen[bytes]


class Address(NamedTuple):
    """Where an engine of a command listens."""

    url: str
    socket: Path


@contextmanager
def running(data_dir: Path, token: str) -> Generator[Address]:
    """Run an engine for the duration of the block, and after it while others use it. Raises `StartFailed`."""
    with tempfile.TemporaryFile() as errors:
        with new_lifeline(token) as (lifeline, reading):
            process = subprocess.Popen(
                program("serve", "--sidecar", "--for-command", "--host", "127.0.0.1"),
                stdin=reading,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=_environment(),
                # Ctrl-C reaches the command alone, which then stops the engine in order.
                start_new_session=True,
            )
        try:
            # Where nobody else can open it; the data folder's name may be too long for a socket.
            sock = lifeline.folder / SOCKET
            payload: dict[str, object] = {"v": 1, "token": token, "data_dir": str(data_dir), "socket": str(sock)}
            yield Address(f"http://127.0.0.1:{_ready(process, lifeline, payload, errors)}/v1", sock)
        finally:
            _end(process, lifeline)


def _environment() -> dict[str, str]:
    """Settings of the user's own engine are not meant for this one, except for where the models are; nor is a
    shell's question for completions.
    """
    kept, not_meant = "Q3TTS_SERVE_MODELS_DIR", ("Q3TTS_", "_Q3TTS_")
    return {name: value for name, value in os.environ.items() if not name.startswith(not_meant) or name == kept}


def _ready(process: Process, lifeline: Lifeline, payload: dict[str, object], errors: IO[bytes]) -> int:
    """Send the engine its payload, and wait until it listens: its port. Raises `StartFailed`."""
    assert process.stdout is not None
    impatience = threading.Timer(START_S, process.kill)
    impatience.start()
    try:
        with suppress(BrokenPipeError):  # it has ended already; its standard output may say why
            lifeline.write(json.dumps(payload).encode() + b"\n")
        ready = wait_until_ready(process.stdout)
    finally:
        impatience.cancel()
    if ready is None:
        code = process.wait()
        raise StartFailed(f"the engine ended with {code} before it was ready{_last_words(errors)}", exit_code=70)
    return ready["port"]


def _last_words(errors: IO[bytes]) -> str:
    errors.seek(0)
    lines = errors.read().decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f": {last}" if last else ""


def _end(process: Process, lifeline: Lifeline) -> None:
    """Leave it to those who still use it; else it stops, and is killed if it does not within `STOP_S`."""
    assert process.stdout is not None
    if not lifeline.release() and process.poll() is None:
        process.stdout.close()
        process.returncode = 0  # it lives on, and is not waited for
        return
    try:
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
