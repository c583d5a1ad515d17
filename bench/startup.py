"""How soon the engine is ready, and how much memory it has by then, against importing its libraries alone."""

import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from bench.engine import engine
from bench.figures import Measurement, ratios, rounds_of, spread
from bench.process import environment, resident_mb, scratch

BARE = "import litestar, sqlalchemy.ext.asyncio, uvicorn"


def ready(*, quick: bool) -> Measurement:
    """From exec to the ready line, and resident memory then.

    `q3tts serve --sidecar` gets its payload at once; the clock runs from before the exec until its ready line has
    been read. The first authenticated GET /v1/health is timed on the same start, and that the token is asked for is
    checked. Fresh: the data folder is empty. Existing: an engine has run on it before. Bare: `python -c "import
    litestar, sqlalchemy.ext.asyncio, uvicorn"`, from exec to exit. One of each per round; an uncounted round comes
    first, so that bytecode and file cache are warm. Resident memory is VmRSS, of the engine right after its ready
    line and of a bare process that waits after its imports. The ratio is existing to bare, round by round.
    """
    fresh: list[float] = []
    existing: list[float] = []
    answered: list[float] = []
    bare: list[float] = []
    memory: list[float] = []
    with scratch() as folder:
        for number in range(3 if quick else 16):
            fresh.append(_start(folder / f"fresh-{number}")[0])
            ready_s, answered_s, resident = _start(folder / "existing")
            existing.append(ready_s)
            answered.append(answered_s)
            memory.append(resident)
            bare.append(_import_alone())
    fresh, existing, answered, bare, memory = fresh[1:], existing[1:], answered[1:], bare[1:], memory[1:]
    imported = _resident_after_import()
    return Measurement(
        figures=[
            rounds_of("ready, existing data folder", existing, unit="s", at_most=0.6),
            rounds_of("ready, fresh data folder", fresh, unit="s", at_most=0.6),
            rounds_of("bare import, exec to exit", bare, unit="s"),
            rounds_of("ready / bare import", ratios(existing, bare), at_most=1.5),
            rounds_of("first answer to GET /v1/health", answered, unit="s"),
            rounds_of("resident before first speech", memory, unit="MB", at_most=90),
        ],
        details={
            "resident_bare_import_mb": imported,
            "resident_ratio": spread(memory).middle / imported,
            "rounds": {"existing": existing, "fresh": fresh, "bare": bare},
        },
    )


def _start(data_dir: Path) -> tuple[float, float, float]:
    """Ready and the first answer, in seconds from exec; and resident megabytes."""
    with engine(data_dir) as running:
        resident = resident_mb(running.pid)
        before = time.perf_counter()
        with closing(running.client()) as client:
            client.get("/v1/health")
            answered_s = running.ready_s + time.perf_counter() - before
        with closing(running.client()) as client:
            assert client.refused("/v1/health")
        return running.ready_s, answered_s, resident


def _import_alone() -> float:
    before = time.perf_counter()
    subprocess.run([sys.executable, "-c", BARE], env=environment(), check=True)
    return time.perf_counter() - before


def _resident_after_import() -> float:
    with subprocess.Popen(
        [sys.executable, "-c", f"{BARE}\nprint(flush=True)\ninput()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        resident = resident_mb(process.pid)
        process.stdin.write(b"\n")
        process.stdin.close()
        return resident
