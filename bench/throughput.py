"""How much of the model's speed is left behind all stages: chunks, pipe, log, database, HTTP, WebSocket."""

import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from app import SAMPLE_RATE
from app.events import BINARY_HEADER
from app.scheduler.pauses import PAUSE_MS
from bench.bare import Round, utterances, voice_id
from bench.engine import Engine, engine
from bench.figures import Figure, Measurement, rounds_of, spread
from bench.process import children, cpu_seconds, environment, scratch
from bench.prose import prose
from bench.websocket import BINARY, Stream

SEED = 7

#: The longest pause after a chunk.
MAX_PAUSE_BYTES = 2 * SAMPLE_RATE * max(PAUSE_MS.values()) // 1000

#: The ways through the engine: the lane, and how the audio comes.
WAYS = (("render", "binary"), ("speak", "binary"), ("render", "json"), ("speak", "json"))


class Sound(Struct, frozen=True):
    """The part of an AUDIO_CHUNK that is audio."""

    data_base64: bytes


class Said(Struct, frozen=True):
    """An event as JSON, as far as it matters here."""

    type: str
    audio: Sound | None = None


class Way(Struct, frozen=True):
    """One round through the engine. `client_cpu_s` is what the listener itself has cost."""

    wall_s: float
    engine_cpu_s: float
    worker_cpu_s: float
    client_cpu_s: float
    pcm_bytes: int


def efficiency(*, quick: bool) -> Measurement:
    """Audio seconds per wall second through all stages, against the bare model loop.

    One text of 40,000 characters. Through the engine: the time from POST /v1/speak or POST /v1/jobs until the last
    event of /v1/stream/{job_id} has been read, with audio as binary messages or as JSON, by a client that does
    nothing else; the job's WAV is in place by then. Bare: a process that holds one Espeak, is given the very same
    utterances (same chunks, same seeds) at once, and steps until all are final. Both processes are warm: a short
    job, and one uncounted round, have been spoken by them before. One bare round comes before and after each
    round of ways, and the ratio is against the mean of the two. The amount of audio must be equal but for the
    pauses, which the engine adds between chunks; figures in real time count the bare audio.
    """
    text = prose(2_000 if quick else 40_000)
    plan = utterances(text, seed=SEED)
    bare: list[Round] = []
    ways: dict[tuple[str, str], list[Way]] = {way: [] for way in WAYS}
    rated: dict[tuple[str, str], list[float]] = {way: [] for way in WAYS}
    with scratch() as folder, engine(folder / "data") as running, _bare_loop(folder / "plan.json", plan) as loop:
        _through(running, "render", "binary", prose(200))
        before = _round(loop)
        for _ in range(1 if quick else 7):
            gone = {way: _through(running, *way, text) for way in WAYS}
            behind = _round(loop)
            bare_s = (before.wall_s + behind.wall_s) / 2
            for way, one in gone.items():
                more = one.pcm_bytes - behind.pcm_bytes
                assert 0 <= more <= len(plan) * MAX_PAUSE_BYTES, "the engine adds its pauses, and nothing else"
                ways[way].append(one)
                rated[way].append(bare_s / one.wall_s)
            bare.append(behind)
            before = behind
    audio_s = bare[0].pcm_bytes / 2 / SAMPLE_RATE
    figures = [rounds_of("bare model loop, × real time", [audio_s / one.wall_s for one in bare])]
    for way, gone_through in ways.items():
        name = " ".join(way)
        figures.append(rounds_of(f"{name}, × real time", [audio_s / one.wall_s for one in gone_through]))
        figures.append(rounds_of(f"{name} / bare", rated[way], at_least=0.6))
    figures += _costs(ways, bare)
    return Measurement(
        figures=figures,
        details={
            "characters": len(text),
            "chunks": len(plan),
            "audio_seconds": audio_s,
            "bare": msgspec.to_builtins(bare),
            "ways": {" ".join(way): msgspec.to_builtins(list_) for way, list_ in ways.items()},
        },
    )


def _costs(ways: dict[tuple[str, str], list[Way]], bare: list[Round]) -> list[Figure]:
    """Processor time, which other processes on the machine do not change much. On a machine with a single core the
    first would be the efficiency.
    """
    hours = bare[0].pcm_bytes / 2 / SAMPLE_RATE / 3600
    loop_s = spread([one.cpu_s for one in bare]).middle
    gone = [one for list_ in ways.values() for one in list_]
    return [
        rounds_of("CPU: bare / engine + worker", [loop_s / (one.engine_cpu_s + one.worker_cpu_s) for one in gone]),
        rounds_of("engine CPU per hour of audio", [one.engine_cpu_s / hours for one in gone], unit="s"),
    ]


def _through(running: Engine, lane: str, form: str, text: str) -> Way:
    """One job from its POST to its last event."""
    body = msgspec.json.encode({"voice_id": voice_id(), "text": text, "seed": SEED})
    with closing(running.client()) as client:
        workers = children(running.pid)
        spent, spent_by_worker = cpu_seconds(running.pid), sum(cpu_seconds(pid) for pid in workers)
        started, cpu = time.perf_counter(), time.process_time()
        job = msgspec.json.decode(client.ask("POST", "/v1/speak" if lane == "speak" else "/v1/jobs", body))
        pcm_bytes = _listen(running, job["job_id"], binary=form == "binary")
        return Way(
            wall_s=time.perf_counter() - started,
            client_cpu_s=time.process_time() - cpu,
            engine_cpu_s=cpu_seconds(running.pid) - spent,
            worker_cpu_s=sum(cpu_seconds(pid) for pid in workers) - spent_by_worker,
            pcm_bytes=pcm_bytes,
        )


def _listen(running: Engine, job_id: str, *, binary: bool) -> int:
    """Follow a job to its end: how many bytes of PCM came."""
    decoder = msgspec.json.Decoder(Said)
    pcm_bytes, last = 0, ""
    with closing(Stream(running.port, running.token, job_id, binary=binary)) as stream:
        for opcode, payload in stream.messages():
            if opcode == BINARY:
                pcm_bytes += len(payload) - BINARY_HEADER.size
                continue
            said = decoder.decode(payload)
            last = said.type
            if said.audio is not None:
                pcm_bytes += len(said.audio.data_base64)
    assert last == "JOB_DONE", last
    return pcm_bytes


@contextmanager
def _bare_loop(plan_file: Path, plan: object) -> "Generator[subprocess.Popen[str]]":
    plan_file.write_bytes(msgspec.json.encode(plan))
    with subprocess.Popen(
        [sys.executable, "-m", "bench.bare", str(plan_file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def _round(loop: "subprocess.Popen[str]") -> Round:
    assert loop.stdin is not None
    assert loop.stdout is not None
    loop.stdin.write("\n")
    loop.stdin.flush()
    return msgspec.json.decode(loop.stdout.readline(), type=Round)
