"""Lets programs that know only OpenAI's speech endpoint speak with the engine: `make programs`.

They come from their packages and are told the base URL and the key, nothing else. The engine is a real one on a
socket, with the embedded voice; each program has a process and an environment of its own.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

import soundfile  # pyright: ignore[reportMissingTypeStubs]

from tests.support.sidecar import TOKEN, sidecar

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / ".cache" / "programs"  #: where `make programs` installs them
UNCHANGED = Path(__file__).parent / "unchanged"
PYTHON = HERE / "python" / "bin" / "python"

PROGRAMS: dict[str, tuple[str | Path, ...]] = {
    "LiveKit Agents": (PYTHON, UNCHANGED / "livekit_speaks.py"),
    "Pipecat": (PYTHON, UNCHANGED / "pipecat_speaks.py"),
    "Vercel AI SDK": ("node", HERE / "node" / "ai_sdk_speaks.mjs"),
}

TEXT = "The lamp was lit. Nobody had come up the stairs since Monday, and the log was empty."

#: Of a second, by which a program's audio may differ from the engine's: MP3 has silence at both ends.
TOLERANCE_S = 0.2
PATIENCE_S = 300.0


class Failed(Exception):
    """A program did not speak as it should have."""


class Api:
    """The engine, as somebody who looks into it has it."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/v1"

    def request(self, path: str, body: Any = None) -> bytes:
        """An answer's body."""
        content = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data=content, headers=headers)
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.read()

    def jobs(self) -> list[dict[str, Any]]:
        """Newest first."""
        return json.loads(self.request("/jobs"))["jobs"]


def spoken_by(command: tuple[str | Path, ...], api: Api, target: Path) -> None:
    """Have a program speak, and see that its audio and its job are as they should be. Raises `Failed`."""
    before = len(api.jobs())
    done = subprocess.run(
        [*command, api.url, TOKEN, TEXT, target],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        env={**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
    )
    if done.returncode:
        raise Failed(f"it ended with {done.returncode}: {done.stdout}{done.stderr}")
    jobs = api.jobs()
    if len(jobs) != before + 1:
        raise Failed(f"it made {len(jobs) - before} jobs")
    job = jobs[0]
    if (job["lane"], job["status"]) != ("speak", "completed"):
        raise Failed(f"its job is {job['status']} in lane {job['lane']}: {job['error']}")
    text = api.request(f"/jobs/{job['job_id']}/text").decode()
    if text != TEXT:
        raise Failed(f"its job has another text: {text!r}")
    heard, expected = seconds_of(target), job["progress"]["audio_seconds"]
    if abs(heard - expected) > TOLERANCE_S:
        raise Failed(f"it has {heard:.2f} s of audio, the job {expected:.2f} s")


def seconds_of(path: Path) -> float:
    """How long a file is that is not silent. Raises `Failed`."""
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    if not len(samples) or float(abs(samples).max()) < 0.1:  # pyright: ignore[reportUnknownArgumentType]
        raise Failed("nothing is heard")
    return len(samples) / rate  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def main() -> int:
    """Try them all; the number of those that failed."""
    shutil.copy2(UNCHANGED / "ai_sdk_speaks.mjs", HERE / "node")  # Node looks for packages beside a script
    failures = 0
    with tempfile.TemporaryDirectory() as folder, sidecar(Path(folder) / "data") as engine:
        api = Api(engine.ready()["port"])
        for name, command in PROGRAMS.items():
            try:
                spoken_by(command, api, Path(folder) / "spoken.wav")
            except Failed as error:
                failures += 1
                print(f"{name}: {error}", flush=True)
            else:
                print(f"{name} speaks", flush=True)
    return failures


if __name__ == "__main__":
    sys.exit(main())
