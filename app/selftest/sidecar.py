"""The engine as an app has it: this program again as a child, told what it needs on standard input, asked over HTTP
and WebSocket. It shares no code with the engine's own interfaces, so that it does not make their mistakes.

It knows nothing of checks. What fails is an OSError that says what.
"""

import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from app.process.executable import program

#: In seconds: a machine that unpacks and scans a new program for the first time is slow.
START_S, ANSWER_S, END_S = 120.0, 60.0, 10.0

#: A job of a tiny model, on a machine with other things to do.
JOB_S = 120.0


#: Events after which a job has no more.
FINAL = ("JOB_DONE", "JOB_ERROR", "JOB_CANCELED")


class SidecarEngine:
    """One engine."""

    def __init__(self, folder: Path, data_dir: Path, models_dir: Path, socket_path: Path) -> None:
        self.token = secrets.token_hex(32)
        self.port = 0
        self.ready: dict[str, Any] = {}
        self._payload = {
            "v": 1,
            "token": self.token,
            "data_dir": str(data_dir),
            "models_dir": str(models_dir),
            "socket": str(socket_path),
        }
        self._log = folder / "engine.stderr"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        with self._log.open("wb") as log:
            self._process = process = subprocess.Popen(
                program("serve", "--sidecar"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={name: value for name, value in os.environ.items() if not name.startswith("Q3TTS_")},
                start_new_session=True,  # all that it starts has its number as a group, and can be looked for
            )
        assert process.stdin is not None
        assert process.stdout is not None
        impatience = threading.Timer(START_S, process.kill)
        impatience.start()
        try:
            with suppress(BrokenPipeError):
                process.stdin.write(json.dumps(self._payload).encode() + b"\n")
                process.stdin.flush()
            for line in process.stdout:
                said = cast("dict[str, Any]", json.loads(line))
                if said.get("event") == "ready":
                    self.ready, self.port = said, int(said["port"])
                    return
                if said.get("event") == "error":
                    raise OSError(said.get("message"))
        except ValueError as error:
            raise OSError(f"it says what is no JSON: {error}") from error
        finally:
            impatience.cancel()
        raise OSError(f"it ended with {process.wait()} before it was ready{self.last_words()}")

    def ask(
        self, method: str, path: str, body: Any = None, *, status: int = 200, token: str | None = None
    ) -> tuple[Any, bytes]:
        """The JSON of the answer, if it is JSON, and its bytes. OSError when its status is another one."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_S)
        bearer = self.token if token is None else token
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        try:
            connection.request(
                method,
                f"/v1{path}",
                None if body is None else json.dumps(body).encode(),
                {**headers, "Content-Type": "application/json"},
            )
            answer = connection.getresponse()
            data = answer.read()
        except http.client.HTTPException as error:
            raise OSError(f"{method} {path} is not answered: {error!r}{self.last_words()}") from error
        finally:
            connection.close()
        if answer.status != status:
            raise OSError(
                f"{method} {path} is answered with {answer.status}: {data[:300].decode(errors='replace')}"
            )
        is_json = (answer.headers.get("content-type") or "").startswith("application/json")
        return (json.loads(data) if is_json else None), data

    def events(self, job_id: str) -> Generator[dict[str, Any]]:
        """What a job's WebSocket brings, to the end."""
        from websockets.exceptions import WebSocketException
        from websockets.sync.client import connect
        from websockets.typing import Subprotocol

        deadline = time.monotonic() + JOB_S
        try:
            with connect(
                f"ws://127.0.0.1:{self.port}/v1/stream/{job_id}",
                subprotocols=[Subprotocol("q3tts.v1"), Subprotocol(f"bearer.{self.token}")],
                proxy=None,
                max_size=None,
            ) as socket:
                while True:
                    message = cast("dict[str, Any]", json.loads(socket.recv(max(0.0, deadline - time.monotonic()))))
                    yield message
                    if message["type"] in FINAL:
                        return
        except WebSocketException as error:
            raise OSError(f"the WebSocket ended before the job did: {error}") from error

    def stop(self) -> int:
        """Close its standard input, which is the order to end; the exit code. OSError when it does not."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        process.stdin.close()
        try:
            return process.wait(END_S)
        except subprocess.TimeoutExpired as error:
            raise OSError(f"it still runs {END_S:.0f} s after its standard input was closed") from error

    def left_behind(self) -> bool:
        """Whether a process of its group still lives."""
        assert self._process is not None
        try:
            os.killpg(self._process.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:  # macOS says so of one that is dead, and not yet waited for
            return False
        return sys.platform != "linux" or _lives(self._process.pid)

    def last_words(self) -> str:
        """The last line that it wrote to standard error."""
        lines = [line.strip() for line in self._log.read_text(errors="replace").splitlines() if line.strip()]
        return f"; its last words: {lines[-1]}" if lines else ""

    def kill(self) -> None:
        """End it and all that it started, whatever state they are in."""
        process = self._process
        if process is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


def _lives(group: int) -> bool:
    """Whether one of the group runs: in a container, one that is dead may stay listed for ever."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended meanwhile
            state, _parent, its_group, *_ = path.read_text().rpartition(")")[2].split()
            if int(its_group) == group and state not in "ZX":
                return True
    return False


@contextmanager
def silent_output() -> Generator[None]:
    """Keep what libraries print off standard output, which is for the report."""
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
