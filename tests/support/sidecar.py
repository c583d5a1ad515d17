"""The real engine as an app starts it: `q3tts serve --sidecar` in a process of its own, with the embedded voice."""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TOKEN = "0123456789abcdef" * 4


class Sidecar:
    """A running engine."""

    def __init__(self, payload: Any, environment: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "app", "serve", "--sidecar"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})},
        )
        self.lines: list[dict[str, Any]] = []
        self.tell(payload)

    def tell(self, line: Any) -> None:
        """Write a line to its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write((line if isinstance(line, str) else json.dumps(line)).encode() + b"\n")
        self.process.stdin.flush()

    def line(self) -> dict[str, Any]:
        """The next line of its standard output."""
        assert self.process.stdout is not None
        raw = self.process.stdout.readline()
        assert raw, f"the engine ended with {self.process.wait(10)}"
        self.lines.append(json.loads(raw))
        return self.lines[-1]

    def ready(self) -> dict[str, Any]:
        """Its ready line."""
        while (line := self.line())["event"] == "phase":
            pass
        assert line["event"] == "ready", line
        return line

    def children(self) -> list[int]:
        """The processes that it started."""
        found = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False)
        return [int(pid) for pid in found.stdout.split()]

    def end(self) -> int:
        """Close its standard input; the exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(10)


@contextmanager
def sidecar(data_dir: Path, *, environment: dict[str, str] | None = None, **payload: Any) -> Generator[Sidecar]:
    """An engine that is gone when the block ends, whatever happened."""
    with told({"v": 1, "token": TOKEN, "data_dir": str(data_dir), **payload}, environment) as engine:
        yield engine


@contextmanager
def told(payload: Any, environment: dict[str, str] | None = None) -> Generator[Sidecar]:
    """An engine whose first line is this: an object, or a string as it stands."""
    engine = Sidecar(payload, environment)
    try:
        yield engine
    finally:
        engine.process.kill()
        engine.process.wait()
        for pipe in (engine.process.stdin, engine.process.stdout):
            assert pipe is not None
            if not pipe.closed:
                pipe.close()
