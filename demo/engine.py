"""An engine of one's own, as a desktop app would start it: token over standard input, a free port, and standard
input kept open for as long as the engine is wanted. Standard library only.
"""

import http.client
import json
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

#: How long the engine may take to say that it is ready, and how long to end, in seconds.
START_S, STOP_S = 60.0, 10.0
ANSWER_S = 60.0

#: This checkout's engine. `-P`: what lies in the current folder is not imported.
COMMAND = (sys.executable, "-P", "-m", "app")


class EngineFailed(Exception):
    """The engine did not start, refused a request, or ended when it should not have."""


class Engine:
    """A running engine, over HTTP."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def get(self, path: str) -> Any:
        """GET; the JSON of the answer."""
        with self._answer("GET", path) as response:
            return json.loads(response.read())

    def post(self, path: str, body: Any) -> Any:
        """POST; the JSON of the answer."""
        with self._answer("POST", path, json.dumps(body).encode()) as response:
            return json.loads(response.read())

    def download(self, path: str, target: Path) -> None:
        """GET into a file, which is written beside its place and renamed: it is whole, or it is not there."""
        partial = target.with_name(f"{target.name}.partial")
        try:
            with self._answer("GET", path) as response, partial.open("wb") as file:
                left = int(response.headers["Content-Length"])
                while piece := response.read(256 * 1024):
                    file.write(piece)
                    left -= len(piece)
            if left:
                raise EngineFailed(f"the download ended {left} bytes too early")
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    @contextmanager
    def _answer(self, method: str, path: str, body: bytes | None = None) -> Generator[http.client.HTTPResponse]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=ANSWER_S)
        try:
            connection.request(method, f"/v1{path}", body, self._headers)
            response = connection.getresponse()
            if response.status >= 400:
                raise EngineFailed(f"{method} /v1{path} was answered {response.status}: {_reason(response.read())}")
            yield response
        except (ConnectionError, TimeoutError, http.client.HTTPException) as error:
            raise EngineFailed(f"the engine does not answer: {error or type(error).__name__}") from error
        finally:
            connection.close()


@contextmanager
def running(folder: Path, *, command: Sequence[str] = COMMAND) -> Generator[Engine]:
    """An engine with its data in a new folder, ready for requests; it has ended, with code 0, when the block has.

    Raises `EngineFailed`. Whatever happens in the block, no engine is left running.
    """
    folder.mkdir(mode=0o700)
    errors = folder / "stderr.log"
    with errors.open("wb") as stderr:
        process = subprocess.Popen(
            [*command, "serve", "--sidecar"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            # What is set for somebody's own engine is not meant for this one.
            env={name: value for name, value in os.environ.items() if not name.startswith("Q3TTS_")},
            # Ctrl-C is for us alone: we end the engine, in our own order.
            start_new_session=True,
        )
    try:
        try:
            yield _ready(process, folder)
            code = _ended(process)
        finally:
            _killed(process)
        if code:
            raise EngineFailed(f"the engine ended with code {code}")
    except EngineFailed as error:
        if tail := _tail(errors):
            error.add_note(f"the engine's last words:\n{tail}")
        raise


def _ready(process: "subprocess.Popen[bytes]", folder: Path) -> Engine:
    """Tell the engine what it needs, and wait until it listens."""
    token = secrets.token_urlsafe(32)
    payload = {"v": 1, "token": token, "port": 0, "data_dir": str(folder / "data")}
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
            if said["event"] == "ready":
                return Engine(said["port"], token)
            if said["event"] == "error":
                raise EngineFailed(f"the engine cannot start: {said['message']}")
    finally:
        impatience.cancel()
    raise EngineFailed(f"the engine did not start; it ended with code {process.wait()}")


def _ended(process: "subprocess.Popen[bytes]") -> int:
    """Close the engine's standard input, which is the order to stop; the exit code."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        return process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        raise EngineFailed(f"the engine did not stop within {STOP_S:.0f} s") from None


def _killed(process: "subprocess.Popen[bytes]") -> None:
    """Nothing if it has ended. Else it is given a moment, then none."""
    try:
        with suppress(EngineFailed, BrokenPipeError):
            _ended(process)
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _reason(body: bytes) -> str:
    try:
        error = json.loads(body)["error"]
        return f"{error['code']}: {error['message']}"
    except (ValueError, KeyError, TypeError):
        return body[:200].decode(errors="replace")


def _tail(path: Path) -> str:
    """The last lines of the engine's standard error, which often tell more."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-12:])
