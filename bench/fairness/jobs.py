"""Jobs through the interfaces of a real engine: somebody who listens, and renders that are made meanwhile.

What is said ends by itself, as texts do with a generated checkpoint. All listeners' sentences have as many tokens
and so about as many frames; no two are the same.
"""

import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

from msgspec import Struct

from app.events import BINARY_HEADER
from bench.engine import SERVE, Client, Engine, engine
from bench.websocket import BINARY, Stream

MODEL = "generated"

#: A chunk of a large model takes minutes on a small machine.
PATIENCE_S = 600.0
POLL_S = 0.1

_TAILS = ("", " again", ", and then it was day", ", and no one said a word")


class Heard(Struct, frozen=True):
    """A speak job: from just before its POST until the first audio was read, and until its JOB_DONE."""

    first_s: float
    whole_s: float
    samples: int


class Batch(Struct, frozen=True):
    """Renders from the first POST until the last JOB_DONE, and the one who listened meanwhile."""

    wall_s: float
    samples: list[int]  #: of each job
    listener: Heard | None = None
    listener_ended_s: float | None = None  #: after the first POST


class Text(Struct, frozen=True):
    """The text of a render job; a chunk for each paragraph."""

    text: str
    seed: int


def texts(jobs: int, chunks: int, *, first: int = 0) -> list[Text]:
    """Texts of render jobs, the same each time; their chunks differ in length, so that they do not end together."""
    return [
        Text(
            "\n\n".join(
                f"In house {100 + job} it was night{_TAILS[(job + chunk) % len(_TAILS)]}."
                for chunk in range(chunks)
            ),
            first + job,
        )
        for job in range(jobs)
    ]


class Doors:
    """A running engine whose active model is the checkpoint. Belongs to one thread, but for `follow`."""

    def __init__(self, running: Engine) -> None:
        self._running = running
        self._activate()
        with self._client() as client:
            self._voice_id: str = client.get(f"/v1/voices?model_id={MODEL}")["voices"][0]["voice_id"]
            self.device: str = client.get("/v1/health")["device"]
        self._numbers = count(100)

    def _activate(self) -> None:
        with self._client() as client, suppress(TimeoutError):  # a large one takes longer than a client waits
            client.post(f"/v1/models/{MODEL}/activate")
        patience = time.monotonic() + PATIENCE_S
        while True:
            with self._client() as client:
                model = client.get(f"/v1/models/{MODEL}")
            if model["state"] == "active" and model["loaded"]:
                return
            assert time.monotonic() < patience, f"the model is not loaded: {model}"
            time.sleep(POLL_S)

    def listen(self) -> Heard:
        """Speak a sentence that was not spoken before, with a seed of its own, and hear all of it."""
        number = next(self._numbers)
        text = f"It was night in house {number}."
        with self._client() as client:
            began = time.perf_counter()
            job = client.post("/v1/speak", {"voice_id": self._voice_id, "text": text, "seed": number})
        first, ended, samples = self.follow(job["job_id"])
        self._check([job["job_id"]], "completed")
        return Heard(first - began, ended - began, samples)

    def batch(self, wanted: Sequence[Text], *, listener_after_s: float | None = None) -> Batch:
        """Render texts, all submitted at once; meanwhile perhaps somebody comes and listens."""
        with ThreadPoolExecutor(len(wanted)) as followers:
            began = time.perf_counter()
            jobs = self.submit(wanted)
            following = [followers.submit(self.follow, job) for job in jobs]
            heard, heard_at = None, None
            if listener_after_s is not None:
                time.sleep(max(0.0, began + listener_after_s - time.perf_counter()))
                heard = self.listen()
                heard_at = time.perf_counter() - began
            ends = [each.result() for each in following]
        self._check(jobs, "completed")
        return Batch(max(ended for _, ended, _ in ends) - began, [samples for *_, samples in ends], heard, heard_at)

    @contextmanager
    def renders(self, wanted: Sequence[Text]) -> Generator[None]:
        """Keep renders running in the block: all have started, and as many chunks as jobs are done. They must not
        end before the block does; then they are canceled.
        """
        jobs = self.submit(wanted)
        patience = time.monotonic() + PATIENCE_S
        while True:
            found = self._found(jobs)
            begun = sum(job["progress"]["chunks_done"] for job in found)
            if begun >= len(jobs) and all(job["status"] == "running" for job in found):
                break
            assert time.monotonic() < patience, "the renders do not start"
            time.sleep(POLL_S)
        yield
        self._check(jobs, "running")
        with self._client() as client:
            for job in jobs:
                client.post(f"/v1/jobs/{job}/cancel")
        self._check(jobs, "canceled")

    def submit(self, wanted: Sequence[Text]) -> list[str]:
        """Post render jobs: their ids."""
        with self._client() as client:
            bodies = [{"voice_id": self._voice_id, "text": one.text, "seed": one.seed} for one in wanted]
            return [client.post("/v1/jobs", body)["job_id"] for body in bodies]

    def follow(self, job_id: str) -> tuple[float, float, int]:
        """Read a job's stream to its end: when the first audio came, when the last event did, and the samples."""
        first, ended, samples, last = 0.0, 0.0, 0, b""
        with closing(Stream(self._running.port, self._running.token, job_id, binary=True)) as stream:
            stream.socket.settimeout(PATIENCE_S)
            for opcode, payload in stream.messages():
                ended = time.perf_counter()
                if opcode == BINARY:
                    first = first or ended
                    samples += (len(payload) - BINARY_HEADER.size) // 2
                else:
                    last = payload
        assert b'"JOB_DONE"' in last, last
        assert samples, f"job {job_id} has no audio"
        return first, ended, samples

    def _check(self, jobs: Sequence[str], status: str) -> None:
        for job in self._found(jobs):
            assert job["status"] == status, f"a job is {job['status']}, not {status}: {job['error']}"

    def _found(self, jobs: Sequence[str]) -> list[Any]:
        with self._client() as client:
            return [client.get(f"/v1/jobs/{job}") for job in jobs]

    def _client(self) -> "closing[Client]":
        """A new one each time: the engine hangs up on a connection that is not used for a while."""
        return closing(self._running.client())


@contextmanager
def doors(folder: Path, checkpoint: Path) -> Generator[Doors]:
    """Start an engine in a folder of its own, and load the checkpoint."""
    models = folder / "models"
    models.mkdir()
    (models / MODEL).symlink_to(checkpoint.resolve(), target_is_directory=True)
    command = (*SERVE, "--models-dir", str(models))
    with engine(folder / "data", command) as running:
        yield Doors(running)
