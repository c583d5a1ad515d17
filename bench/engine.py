"""A real engine in a process of its own, started as an app starts it, and plain HTTP to talk to it."""

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import msgspec

from bench.process import environment

STOP_S = 10.0

_script = Path(sys.executable).with_name("q3tts")
#: The command of the installed program, or of this checkout where it is not installed.
Q3TTS = (str(_script),) if _script.exists() else (sys.executable, "-m", "app")
SERVE = (*Q3TTS, "serve", "--sidecar")

#: The same with the model of `paced.py`, which speaks in real time.
SERVE_PACED = (sys.executable, "-m", "bench.paced_engine")


class Engine:
    """An engine that runs. `ready_s` is the time from exec to its ready line."""

    def __init__(self, process: "subprocess.Popen[str]", port: int, token: str, ready_s: float) -> None:
        self._process = process
        self.port, self.token, self.ready_s = port, token, ready_s

    @property
    def pid(self) -> int:
        """The engine's process, not the worker's."""
        return self._process.pid

    def client(self) -> "Client":
        """A connection of its own."""
        return Client(self.port, self.token)


class Client:
    """One HTTP connection, kept alive. Cheap enough not to be what is measured."""

    def __init__(self, port: int, token: str) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """Send a request and read all of the answer, which must be a success."""
        self._connection.request(method, path, body, self._headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:500]!r}")
        return content

    def pieces(self, path: str) -> Iterator[bytes]:
        """GET; the body of the answer, a piece at a time."""
        self._connection.request("GET", path, headers=self._headers)
        response = self._connection.getresponse()
        while piece := response.read1(256 * 1024):
            yield piece

    def get(self, path: str) -> Any:
        """GET, decoded."""
        return msgspec.json.decode(self.ask("GET", path))

    def post(self, path: str, body: object = None) -> Any:
        """POST, decoded."""
        return msgspec.json.decode(self.ask("POST", path, None if body is None else msgspec.json.encode(body)))

    def refused(self, path: str) -> bool:
        """Whether the path is closed to who has no token."""
        self._connection.request("GET", path)
        answer = self._connection.getresponse()
        answer.read()
        return answer.status == 401

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


@contextmanager
def engine(data_dir: Path, command: Sequence[str] = SERVE) -> Generator[Engine]:
    """Start an engine on a data folder, and end it with its standard input, as an app does."""
    token = secrets.token_hex(16)
    payload = json.dumps({"v": 1, "token": token, "data_dir": str(data_dir)}) + "\n"
    with (data_dir.parent / f"{data_dir.name}.stderr").open("wb") as errors:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment()
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(payload)
            process.stdin.flush()
            said: dict[str, Any] = {}
            while said.get("event") != "ready":
                line = process.stdout.readline()
                if not line:
                    raise RuntimeError(f"the engine did not start: {said}, see {errors.name}")
                said = json.loads(line)
            yield Engine(process, said["port"], token, time.perf_counter() - started)
        finally:
            process.stdin.close()
            try:
                process.wait(STOP_S)
            finally:
                process.kill()
                process.wait()
                process.stdout.close()
