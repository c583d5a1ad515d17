"""How long a listener waits for the first sound, on an idle engine and on one that renders books."""

import time
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager

from bench.bare import voice_id
from bench.engine import Client, Engine, engine
from bench.figures import Figure, Measurement, percentile, ratios, rounds_of, spread
from bench.process import scratch
from bench.prose import prose, sentence
from bench.websocket import BINARY, Stream

#: As many as the scheduler runs at once.
RENDERS = 8
MAX_WAIT_S = 120.0


def first_audio(*, quick: bool) -> Measurement:
    """From POST /v1/speak until the first AUDIO_CHUNK has been read, idle and beside eight books.

    The listener posts one sentence, connects to the stream of the job, reads its first audio, reads on to the end,
    and waits 20 ms. Eight render jobs of 300,000 characters each are submitted, left to run until each has chunks
    done, and paused; then in turns: ten times with all of them paused (idle), ten times with all of them running
    (full width: eight running jobs, the model's queue full). Worker warm throughout; the very first one, which
    starts the worker, is reported for itself. The ratio is of each round's medians.
    """
    idle: list[list[float]] = []
    loaded: list[list[float]] = []
    with scratch() as folder, engine(folder / "data") as running, closing(running.client()) as client:
        cold = _once(running, client, 0)
        books = _books(client, characters=30_000 if quick else 300_000, count=2 if quick else RENDERS)
        for number in range(1 if quick else 8):
            with _paused(client, books):
                idle.append([_once(running, client, 100 * number + one) for one in range(2 if quick else 10)])
            _until_running(client, books)
            loaded.append([_once(running, client, 100 * number + one) for one in range(2 if quick else 10)])
        left = sum(client.get(f"/v1/jobs/{book}")["status"] == "running" for book in books)
        for book in books:
            client.post(f"/v1/jobs/{book}/cancel")
    return Measurement(
        figures=[
            *_figures("idle", idle),
            *_figures("beside renders", loaded),
            rounds_of("loaded / idle", ratios(_medians(loaded), _medians(idle)), at_most=1.5),
            Figure(what="the first of all (starts the worker)", value=1000 * cold, unit="ms"),
        ],
        details={"idle_s": idle, "loaded_s": loaded, "renders_running_at_the_end": left},
    )


def _figures(name: str, rounds: Sequence[Sequence[float]]) -> list[Figure]:
    all_ms = [1000 * value for values in rounds for value in values]
    middle, low, high = spread(all_ms)
    return [
        Figure(what=f"first audio, {name}, p50", value=middle, unit="ms", low=low, high=high),
        Figure(what=f"first audio, {name}, p95", value=percentile(all_ms, 95), unit="ms"),
    ]


def _medians(rounds: Sequence[Sequence[float]]) -> list[float]:
    return [spread(values).middle for values in rounds]


def _once(running: Engine, client: Client, seed: int) -> float:
    started = time.perf_counter()
    job = client.post("/v1/speak", {"voice_id": voice_id(), "text": sentence(seed), "seed": seed})
    heard = 0.0
    with closing(Stream(running.port, running.token, job["job_id"], binary=True)) as stream:
        for opcode, _payload in stream.messages():
            if opcode == BINARY and not heard:
                heard = time.perf_counter() - started
    assert heard, "a sentence has audio"
    time.sleep(0.02)
    return heard


def _books(client: Client, *, characters: int, count: int) -> list[str]:
    text = prose(characters)
    books = [client.post("/v1/jobs", {"voice_id": voice_id(), "text": text, "seed": n}) for n in range(count)]
    ids = [book["job_id"] for book in books]
    _until_running(client, ids)
    return ids


def _until_running(client: Client, books: Sequence[str]) -> None:
    """Each has been cut and has begun to speak again."""
    before = {book: -1 for book in books}
    patience = time.monotonic() + MAX_WAIT_S
    while before:
        for book in list(before):
            job = client.get(f"/v1/jobs/{book}")
            done = job["progress"]["chunks_done"]
            if job["status"] == "completed" or (before[book] >= 0 and done > before[book]):
                del before[book]
            else:
                before[book] = done
        assert time.monotonic() < patience, f"these renders do not start: {before}"
        time.sleep(0.05)


@contextmanager
def _paused(client: Client, books: Sequence[str]) -> Generator[None]:
    for book in books:
        client.ask("POST", f"/v1/jobs/{book}/pause")
    time.sleep(0.2)
    yield
    for book in books:
        client.ask("POST", f"/v1/jobs/{book}/resume")
