"""A worker process, and the engine's end of its pipe."""

import os
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

from app.inference import wire
from app.inference.model import Frame, Lane, Utterance, VoiceKind, VoiceSpec
from tests.support.waiting import PATIENCE_S


class Worker:
    """It is started with Python; its standard error is kept."""

    def __init__(self, *command: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )

    @property
    def stdin(self) -> Any:
        return self.process.stdin

    @property
    def stdout(self) -> Any:
        return self.process.stdout

    def tell(self, *messages: wire.ToWorker) -> None:
        self.stdin.write(b"".join(wire.packed(message) for message in messages))

    def close(self) -> None:
        self.stdin.close()

    def _exactly(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            assert select.select([self.stdout], [], [], PATIENCE_S)[0], "the worker says nothing"
            piece = self.stdout.read(count - len(found))
            assert piece, f"the worker ended with {self.process.wait(PATIENCE_S)}"
            found += piece
        return found

    def hear(self) -> wire.FromWorker:
        return wire.from_worker(self._exactly(wire.body_bytes(self._exactly(wire.LENGTH_BYTES))))

    def frames(self, *ids: int) -> dict[int, list[Frame]]:
        """All frames, until each of these has had its final one."""
        found: dict[int, list[Frame]] = {number: [] for number in ids}
        while not all(frames and frames[-1].final for frames in found.values()):
            message = self.hear()
            if isinstance(message, wire.Frames):
                for frame in message.frames:
                    found[frame.id].append(frame)
        return found

    def ended(self) -> int:
        return self.process.wait(PATIENCE_S)

    def errors(self) -> bytes:
        """What it wrote to standard error, when it has ended."""
        assert self.process.stderr is not None
        return self.process.stderr.read()


def stop(worker: Worker) -> None:
    worker.process.kill()
    worker.process.wait()
    for pipe in (worker.process.stdin, worker.process.stdout, worker.process.stderr):
        assert pipe is not None
        if not pipe.closed:
            pipe.close()


def utterance(number: int, text: str, lane: Lane = Lane.RENDER) -> Utterance:
    return Utterance(id=number, text=text, voice=VoiceSpec(VoiceKind.PRESET, name="one"), lane=lane, seed=number)


def alive(pid: int) -> bool:
    """It runs: a zombie, which nobody has fetched yet, does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    try:
        return ") Z" not in stat.read_text() if Path("/proc/self").exists() else True
    except (FileNotFoundError, ProcessLookupError):
        return False
