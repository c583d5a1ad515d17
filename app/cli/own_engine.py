"""An engine of the command's own: `q3tts serve --sidecar` as a child while the command runs. The token goes over
standard input, which is kept open; its end tells the engine to stop.
"""

import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from app.engine.launch import wait_until_ready
from app.errors import StartFailed
from app.process.executable import program

#: How long it may take to get ready, and to stop. In seconds.
START_S, STOP_S = 60.0, 10.0

#: Exit code: another engine uses the data folder.
IN_USE = 75

Process = subprocess.Popen[bytes]


@contextmanager
def running(data_dir: Path, token: str, *, socket_path: Path | None = None) -> Generator[int]:
    """Run an engine for the duration of the block; its port. Raises `StartFailed`."""
    payload: dict[str, object] = {"v": 1, "token": token, "port": 0, "data_dir": str(data_dir)}
    if socket_path is not None:
        payload["socket"] = str(socket_path)
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            program("serve", "--sidecar", "--host", "127.0.0.1"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=_environment(),
            # Ctrl-C reaches the command alone, which then stops the engine in order.
            start_new_session=True,
        )
        try:
            yield _ready(process, payload, errors)
        finally:
            _end(process)


def _environment() -> dict[str, str]:
    """Settings of the user's own engine are not meant for this one, except for where the models are."""
    kept = "Q3TTS_SERVE_MODELS_DIR"
    return {name: value for name, value in os.environ.items() if not name.startswith("Q3TTS_") or name == kept}


def _ready(process: Process, payload: dict[str, object], errors: IO[bytes]) -> int:
    """Send the engine its payload, and wait until it listens: its port. Raises `StartFailed`."""
    assert process.stdin is not None
    assert process.stdout is not None
    impatience = threading.Timer(START_S, process.kill)
    impatience.start()
    try:
        with suppress(BrokenPipeError):  # it has ended already; its standard output may say why
            process.stdin.write(json.dumps(payload).encode() + b"\n")
            process.stdin.flush()
        ready = wait_until_ready(process.stdout)
    except StartFailed as error:
        if error.exit_code != IN_USE:
            raise
        hint = "it belongs to an app, or it listens at another --socket"
        raise StartFailed(f"{error.message} ({hint})", exit_code=IN_USE) from None
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


def _end(process: Process) -> None:
    """Tell it to stop, and kill it if it does not within `STOP_S`."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with suppress(BrokenPipeError):
            process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
