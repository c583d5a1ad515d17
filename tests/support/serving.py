"""The real engine as a person starts it: `q3tts serve` in a process of its own, with the embedded voice."""

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Served:
    """`q3tts serve`, listening."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.said: list[str] = []
        assert process.stderr is not None
        for line in process.stderr:
            self.said.append(line)
            if "listens on" in line:
                self.url = line.split()[-1]
                return
        raise AssertionError(f"it ended with {process.wait(10)}: {''.join(self.said)}")

    def ask(self, path: str, token: str, body: Any = None) -> Any:
        """The JSON of an answer."""
        request = urllib.request.Request(
            f"{self.url}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=20) as answer:
            return json.loads(answer.read())

    def line(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.readline()


@contextmanager
def served(data_dir: Path, *arguments: str, umask: int = 0o022, **env: str) -> Generator[Served]:
    # Not where the user's own daemon listens; and a socket's path has little room.
    with tempfile.TemporaryDirectory(prefix="q3") as folder:
        options = ["--port", "0", "--data-dir", str(data_dir), "--socket", f"{folder}/sock", *arguments]
        with started(options, umask, env) as engine:
            yield engine


@contextmanager
def started(options: list[str], umask: int, env: dict[str, str]) -> Generator[Served]:
    command = [sys.executable, "-P", "-m", "app", "serve", *options]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, env={**os.environ, **env}, umask=umask
    )
    try:
        yield Served(process)
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()
