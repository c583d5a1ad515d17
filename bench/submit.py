"""How many jobs per second can be submitted, each of them committed before it is answered."""

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import msgspec

from bench.engine import SERVE_PACED, Engine, engine
from bench.figures import Measurement, percentile, ratios, rounds_of
from bench.paced_engine import VOICE_ID
from bench.process import cpu_seconds, scratch
from bench.prose import sentence

CLIENTS = 16

#: What a commit costs depends on this, and on how large the row is.
_PRAGMAS = ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL", "fullfsync=1")


def submissions(*, quick: bool) -> Measurement:
    """POST /v1/jobs per second, one client after the other's answer and 16 at once, beside a bare SQLite commit.

    Each job is one sentence with a title and a tag, and is committed with `synchronous=FULL` before its answer. The
    engine meanwhile speaks what has been submitted first, in real time (the paced model), so that it does what an
    engine does, and does not eat the processor. Clients are threads of one process, each with a connection. Bare: a
    loop that inserts the text into a table with the same pragmas on the same disk, and commits. Interleaved rounds.
    """
    count = 20 if quick else 300
    alone: list[float] = []
    together: list[float] = []
    bare: list[float] = []
    waits: list[float] = []
    spent: list[float] = []
    with scratch() as folder, engine(folder / "data", SERVE_PACED) as running:
        _submit(running, 10, 1)
        for _ in range(1 if quick else 7):
            bare.append(_bare(folder / "bare.db", count))
            alone.append(count / max(_submit(running, count, 1)[0], 1e-9))
            before = cpu_seconds(running.pid)
            wall_s, took = _submit(running, count, CLIENTS)
            spent.append(1e6 * (cpu_seconds(running.pid) - before) / count)
            together.append(count / wall_s)
            waits += took
    return Measurement(
        figures=[
            rounds_of("one client, jobs per second", alone),
            rounds_of(f"{CLIENTS} clients, jobs per second", together),
            rounds_of("bare SQLite commits per second", bare),
            rounds_of("one client / bare", ratios(alone, bare)),
            rounds_of(f"{CLIENTS} clients / bare", ratios(together, bare)),
            rounds_of(f"{CLIENTS} clients, a submission's wait", [1000 * wait for wait in waits], unit="ms"),
            rounds_of("engine CPU per submission", spent, unit="µs"),
        ],
        details={"p99_ms_of_16": 1000 * percentile(waits, 99), "jobs_per_round": count},
    )


def _submit(running: Engine, count: int, clients: int) -> tuple[float, list[float]]:
    """Submit jobs from several clients: the time for all, and how long each of them took."""
    took: list[float] = []
    left = iter(range(count))
    lock = threading.Lock()
    ready = threading.Barrier(clients + 1)

    def work() -> None:
        with closing(running.client()) as client:
            client.get("/v1/health")
            ready.wait()
            while True:
                with lock:
                    number = next(left, None)
                if number is None:
                    return
                body = {
                    "voice_id": VOICE_ID,
                    "text": sentence(number),
                    "title": f"Part {number}",
                    "tags": ["bench"],
                }
                encoded = msgspec.json.encode(body)
                before = time.perf_counter()
                client.ask("POST", "/v1/jobs", encoded)
                took.append(time.perf_counter() - before)

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    ready.wait()
    started = time.perf_counter()
    for thread in threads:
        thread.join()
    return time.perf_counter() - started, took


def _bare(path: Path, count: int) -> float:
    """Commits per second of one loop."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("CREATE TABLE IF NOT EXISTS jobs (seq INTEGER PRIMARY KEY, text TEXT)")
        texts = [sentence(number) for number in range(count)]
        started = time.perf_counter()
        for text in texts:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO jobs (text) VALUES (?)", (text,))
            connection.execute("COMMIT")
        return count / (time.perf_counter() - started)
