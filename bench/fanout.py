"""Many subscribers of one live stream: do all of them hear it in real time, and what does that cost the engine?"""

import subprocess
import sys
import time
from contextlib import closing

import msgspec

from bench.engine import SERVE_PACED, Engine, engine
from bench.figures import Figure, Measurement
from bench.listeners import Heard, Plan
from bench.paced import CHARACTERS_PER_S, FRAME_S
from bench.paced_engine import VOICE_ID
from bench.process import cpu_seconds, environment, scratch
from bench.prose import prose

SUBSCRIBERS = 500

#: A chunk that comes later than the next one is due leaves a listener without a buffer in silence.
MAX_LATE_MS = 1000 * FRAME_S


def fanout(*, quick: bool) -> Measurement:
    """500 subscribers of one speak job that is spoken at the speed at which one listens.

    The model speaks 80 ms of audio every 80 ms, in the worker's process, under the real worker loop; each frame
    carries the time at which it was due, on the clock that all processes share. One process with one thread holds
    all subscribers. They join the running job one after the other, replay what they missed, and from one second
    after the last has joined, lateness is the time at which a subscriber has read a frame less the time at which it
    was due: the pipe, the log on disk, the encoding and the sending are all in it, and so is the reading. Processor
    time is that of the engine's process alone, all its threads, from /proc, over the same time. Once with JSON and
    once with binary messages. In real time: all frames, in order, at every subscriber, and p99 of lateness within
    one frame.
    """
    count, seconds = (20, 2.0) if quick else (SUBSCRIBERS, 25.0)
    figures: list[Figure] = []
    details: dict[str, object] = {}
    with scratch() as folder, engine(folder / "data", SERVE_PACED) as running:
        _follow(running, 1, 0.5, binary=True)
        for form in ("json", "binary"):
            heard, cores = _follow(running, count, seconds, binary=form == "binary")
            details[form] = msgspec.to_builtins(heard) | {"engine_cores": cores}
            share = heard.complete / heard.subscribers
            each_us = 1e6 * cores * FRAME_S / count
            figures += [
                Figure(what=f"{form}: got all, in order", value=100 * share, unit="%", at_least=100),
                Figure(what=f"{form}: lateness p50", value=heard.late_p50_ms, unit="ms"),
                Figure(what=f"{form}: lateness p99", value=heard.late_p99_ms, unit="ms", at_most=MAX_LATE_MS),
                Figure(what=f"{form}: lateness, the latest of all", value=heard.late_max_ms, unit="ms"),
                Figure(what=f"{form}: engine", value=cores, unit="cores", at_most=1.0),
                Figure(what=f"{form}: engine, each message", value=each_us, unit="µs"),
            ]
    return Measurement(figures=figures, details={"subscribers": count, **details})


def _follow(running: Engine, count: int, seconds: float, *, binary: bool) -> tuple[Heard, float]:
    """Have a job followed: what was heard, and the cores that the engine has used meanwhile."""
    # To connect takes a while; only then does it begin to count.
    spoken_s = seconds + count * 0.012 + 2.0
    text = prose(round(spoken_s * CHARACTERS_PER_S))[: round(spoken_s * CHARACTERS_PER_S)]
    with closing(running.client()) as client:
        job = client.post("/v1/speak", {"voice_id": VOICE_ID, "text": text})
        plan = Plan(running.port, running.token, job["job_id"], count, binary)
        with subprocess.Popen(
            [sys.executable, "-m", "bench.listeners", msgspec.json.encode(plan).decode()],
            stdout=subprocess.PIPE,
            env=environment(),
        ) as process:
            assert process.stdout is not None
            listening: float = msgspec.json.decode(process.stdout.readline())["listening"]
            time.sleep(max(0.0, listening - time.monotonic()))
            spent, since = cpu_seconds(running.pid), time.monotonic()
            time.sleep(max(0.5, seconds - 2.0))
            cores = (cpu_seconds(running.pid) - spent) / (time.monotonic() - since)
            heard = msgspec.json.decode(process.stdout.readline(), type=Heard)
    return heard, cores
