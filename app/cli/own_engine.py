"""An engine of the command's own: `q3tts serve --sidecar` as a child for as long as the command takes. The token
goes over standard input, which is kept open; its end is the order to stop. It does not know what the engine is
asked.
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

from app.errors import StartFailed
from app.process.executable import program

#: How long it may take to say that it is ready, and how long to end. In seconds.
START_S, STOP_S = 60.0, 10.0

#: Somebody else's engine has the data folder.
IN_USE = 75

Process = subprocess.Popen[bytes]


@contextmanager
def running(data_dir: Path, token: str, *, socket_path: Path | None = None) -> Generator[int]:
    """The port of an engine that has ended when the block has, whatever happened. Raises `StartFailed`."""
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
            # Ctrl-C is for the command alone, which ends the engine in its own order.
            start_new_session=True,
        )
        try:
            yield _ready(process, payload, errors)
        finally:
            _end(process)


def _environment() -> dict[str, str]:
    """What is set for somebody's own engine is not meant for this one, but where the models are."""
    kept = "Q3TTS_SERVE_MODELS_DIR"
    return {name: value for name, value in os.environ.items() if not name.startswith("Q3TTS_") or name == kept}


def _ready(process: Process, payload: dict[str, object], errors: IO[bytes]) -> int:
    """Tell the engine what it needs, and wait until it listens: its port."""
    assert process.stdin is not None
    assert process.stdout is not None
    impatience = threading.Timer(START_S, process.kill)
    impatience.start()
    try:
        with suppress(BrokenPipeError):  # it has ended; standard output may say why
            process.stdin.write(json.dumps(payload).encode() + b"\n")
            process.stdin.flush()
        for line in process.stdout:
            said = json.loads(line)
            match said["event"]:
                case "ready":
                    return said["port"]
                case "error":
                    raise StartFailed(_reason(said["message"], said["exit_code"]), exit_code=said["exit_code"])
                case _:
                    pass
    finally:
        impatience.cancel()
    code = process.wait()
    raise StartFailed(f"the engine ended with {code} before it was ready{_last_words(errors)}", exit_code=70)


def _reason(message: str, exit_code: int) -> str:
    if exit_code != IN_USE:
        return message
    return f"{message} (it belongs to an app, or it listens at another --socket)"


def _last_words(errors: IO[bytes]) -> str:
    errors.seek(0)
    lines = errors.read().decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f": {last}" if last else ""


def _end(process: Process) -> None:
    """It is given a moment to come to rest, then none."""
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
