"""Measures what listeners and renders cost each other: `python -m bench.fairness`.

The engine is a real one, `q3tts serve --sidecar` in a process of its own on a fresh data folder, with a generated
Qwen3-TTS checkpoint of the kind custom_voice as the active model, in the real worker; everything goes through
HTTP and WebSocket. The weights are random ones, but every text ends by itself, after a number of frames that
depends on its tokens; the vocoder is whole. The model is loaded by the engine's own route, and before anything
counts, one listener has heard a sentence, and another one beside renders.

A listener is a POST /v1/speak of a sentence of about 22 frames, 1.8 s of audio, that was never said before and has
a seed of its own, then GET /v1/stream/{job_id}, read to its end. First audio is from just before the POST until
the first AUDIO_CHUNK has been read; all of the job is until its JOB_DONE has been.

first_audio    In turns on the same engine: two listeners one after the other while nothing else is running
               (idle), then two beside `--renders` jobs of POST /v1/jobs (busy). Those have 60 chunks each, of
               four lengths, are new ones each time, and have all begun when the first listener comes: each is
               running, and as many chunks as jobs are done. Before each listener is a pause at random, one to three
               times a first audio, so that they come at any moment of a chunk; in both turns alike. After the last
               listener each render must still be running; then they are canceled. Figures are medians of all
               listeners with quartiles; the ratio is of the two medians, its quartiles are those of the rounds.
batches        A batch is `--renders` jobs, the same texts and seeds each time, submitted without a pause. It takes
               from just before the first POST until the last JOB_DONE has been read from the jobs' streams, all of
               which are followed from the beginning. Alone, then with one listener, who comes when half of the
               time of the one before is over, then alone again, and so on. Before each batch with a listener,
               two are heard on the idle engine: the median of what all of their job takes is the listener's
               share. The figure is (batch with listener - share) / batch alone, where alone is the mean of the
               ones before and after. Below 1, they have shared what each would have had to do alone.

Every job but the canceled ones must be `completed` and have audio, and a batch the same number of samples in each
job whether somebody listened or not. The JSON has every listener and every batch, and when in a batch its listener
had been heard out.

It exits with 1 when a figure was missed, but for `--dims tiny`, which only shows that everything works: its steps
take no longer than what is around them. Ratios of a CPU, which is busy multiplying, do not hold for a GPU. The
machine should do nothing else; the load average before and after is in the output.
"""

import argparse
import sys
from contextlib import ExitStack
from textwrap import fill

from app.selftest.checkpoint.dims import Size
from bench.fairness.jobs import doors
from bench.fairness.measures import Plan, batches, first_audio, warm
from bench.figures import WIDTH, Measurement, table
from bench.process import scratch
from bench.report import Report, Run, close, machine_with_mlx, parser, written

_ROUNDS: dict[Size, int] = {"tiny": 3, "quarter": 5, "0.6b": 3, "1.7b": 3}

#: Of each job of a batch: enough for a listener to come and go meanwhile.
_BATCH_CHUNKS: dict[Size, int] = {"tiny": 4, "quarter": 2, "0.6b": 2, "1.7b": 2}

_MEASUREMENTS = (first_audio, batches)


class Fairness(Report, frozen=True, kw_only=True):
    """With both measurements."""

    renders: int
    measurements: dict[str, Measurement]


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    chosen = _parsed(arguments)
    dims: Size = chosen.dims
    plan = Plan(chosen.rounds or _ROUNDS[dims], chosen.renders, _BATCH_CHUNKS[dims])
    run = Run()
    measured: dict[str, Measurement] = {}
    with ExitStack() as stack:
        folder = stack.enter_context(scratch())
        checkpoint = written(chosen.checkpoint or folder / "checkpoint", dims)
        open_doors = stack.enter_context(doors(folder, checkpoint))
        of = machine_with_mlx(device=open_doors.device)
        print(f"{dims}, {plan.rounds} rounds, {plan.renders} renders, {open_doors.device}\n", flush=True)
        warm(open_doors, plan)
        for measure in _MEASUREMENTS:
            measured[measure.__name__] = measure(open_doors, plan)
            print(*table(measure.__name__, measured[measure.__name__].figures), "", sep="\n", flush=True)
    report = Fairness(
        **run.facts(),
        method=__doc__ or "",
        machine=of,
        dims=dims,
        rounds=plan.rounds,
        renders=plan.renders,
        measurements=measured,
    )
    close(report, chosen.json)
    print(fill(", ".join(f"{name} {value}" for name, value in of.items()), WIDTH))
    missed = [figure for one in measured.values() for figure in one.figures if figure.reached is False]
    return 1 if missed and dims != "tiny" else 0


def _parsed(arguments: list[str] | None) -> argparse.Namespace:
    options = parser("python -m bench.fairness", __doc__)
    options.add_argument("--rounds", type=_some, metavar="N")
    options.add_argument(
        "--renders", type=_some, default=8, metavar="N", help="jobs beside a listener (default: 8)"
    )
    return options.parse_args(arguments)


def _some(word: str) -> int:
    number = int(word)
    if number < 1:
        raise argparse.ArgumentTypeError("there must be at least one")
    return number


if __name__ == "__main__":
    sys.exit(main())
