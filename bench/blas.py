"""Compares the libraries that MLX can multiply with on Linux: `python -m bench.blas --dims 0.6b`.

A fresh worker for each, as the engine starts it, with the same checkpoint of random weights; in turns. Each speaks
one sentence for a listener, exactly `--seconds` of it: no code is the end.

a product      of float32 matrices, 512 x 512, as the worker measured it when it started
first audio    from submitting the text to the first samples, the worker being loaded and idle
work           seconds for each second of audio, from the first samples to the last

packaged: what q3tts brings, one thread. reference: of MLX's wheel, which is what is left without any OpenBLAS.
system: the machine's own OpenBLAS with as many threads as it likes, and with one; left out where there is none.
"""

import asyncio
import logging
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from msgspec import Struct

from app import SAMPLE_RATE
from app.inference.model import Lane, Utterance, VoiceKind, VoiceSpec
from app.models.worker.supervisor import WorkerSupervisor
from bench.blas_worker import PACKAGED, REFERENCE, SYSTEM, SYSTEM_ONE, has_system_blas
from bench.figures import Figure, ratios, rounds_of, table
from bench.report import Report, Run, close, machine_with_mlx, parser, written
from bench.sentence import SENTENCE

#: A worker with the reference BLAS is silent for long.
_PATIENCE_S = 3_600.0


class Round(Struct, frozen=True, kw_only=True):
    """One sentence with one library."""

    blas: str
    gflops: float
    first_audio_s: float
    work_s: float  #: for each second of audio


class Comparison(Report, frozen=True, kw_only=True):
    """All rounds of all libraries."""

    seconds: float
    rounds_of: dict[str, list[Round]]


async def speak(choice: str, folder: Path, seconds: float) -> Round:
    """Start a worker, have it speak, and end it."""
    command = (sys.executable, "-P", "-m", "bench.blas_worker", choice, str(folder))
    async with WorkerSupervisor(command, idle_unload_s=60, answer_s=_PATIENCE_S, start_s=_PATIENCE_S) as worker:
        await worker.load()
        voice = VoiceSpec(VoiceKind.PRESET, name="ryan")
        began = time.monotonic()
        take = worker.submit(
            Utterance(text=SENTENCE, voice=voice, lane=Lane.SPEAK, seed=1, language="en", max_seconds=seconds)
        )
        first, first_samples, samples = 0.0, 0, 0
        async for pcm in take.pcm():
            samples += len(pcm) // 2
            if not first:
                first, first_samples = time.monotonic(), samples
        ended, processor = time.monotonic(), worker.processor
    assert processor is not None
    assert samples > first_samples, f"{take.finish_reason}: {take.error}"
    return Round(
        blas=processor.blas,
        gflops=processor.gflops or 0.0,
        first_audio_s=first - began,
        work_s=(ended - first) / (samples - first_samples) * SAMPLE_RATE,
    )


def figures(rounds: dict[str, list[Round]]) -> list[Figure]:
    """Of each library, and how the others compare with the packaged one."""
    lines: list[Figure] = []
    for choice, of in rounds.items():
        lines.append(Figure(what=f"{choice}: a product", value=median(each.gflops for each in of), unit="GFLOP/s"))
        lines.append(rounds_of(f"{choice}: first audio", [each.first_audio_s for each in of], unit="s"))
        lines.append(rounds_of(f"{choice}: work, each s of audio", [each.work_s for each in of], unit="s"))
    ours = rounds[PACKAGED]
    for choice, of in rounds.items():
        if choice == PACKAGED:
            continue
        first = ratios([each.first_audio_s for each in of], [each.first_audio_s for each in ours])
        work = ratios([each.work_s for each in of], [each.work_s for each in ours])
        lines += [
            rounds_of(f"{choice} / packaged: first audio", first),
            rounds_of(f"{choice} / packaged: work", work),
        ]
    return lines


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    options = parser("python -m bench.blas", __doc__)
    options.add_argument("--rounds", type=int, default=1, metavar="N")
    options.add_argument("--seconds", type=float, default=1.0, help="of audio  [default: %(default)s]")
    options.add_argument("--without-reference", action="store_true", help="it takes minutes with the larger sizes")
    chosen = options.parse_args(arguments)
    logging.getLogger("app.models.worker.runner").setLevel(logging.ERROR)  # that one is slow is what is measured
    choices = [PACKAGED, *((SYSTEM_ONE, SYSTEM) if has_system_blas() else ())]
    if not chosen.without_reference:
        choices.append(REFERENCE)
    run = Run()
    rounds: dict[str, list[Round]] = {choice: [] for choice in choices}
    with ExitStack() as stack:
        folder: Path = chosen.checkpoint or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        written(folder, chosen.dims, ends="never")
        for _ in range(chosen.rounds):
            for choice in choices:
                rounds[choice].append(asyncio.run(speak(choice, folder, chosen.seconds)))
    print("\n".join(table(f"BLAS, {chosen.dims}", figures(rounds))))
    report = Comparison(
        **run.facts(),
        method=__doc__ or "",
        machine=machine_with_mlx(),
        dims=chosen.dims,
        rounds=chosen.rounds,
        seconds=chosen.seconds,
        rounds_of=rounds,
    )
    close(report, chosen.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
