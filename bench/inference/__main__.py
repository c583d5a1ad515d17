"""Compares our decode loop for Qwen3-TTS with mlx-audio's: `python -m bench.inference`.

Both run in this process, with the same generated weights, loaded once for each; with the same BLAS, the worker's
unless `--reference-blas`; on a CPU both in float32, and neither compiled, as in the engine's worker. Both say the
same text with the same speaker, sample with temperature 0.9 from 50 codes, and say exactly `--frames` frames: no
code is the end, in either. After a round of each that is not counted they take turns; figures are medians with
quartiles, the ratio, theirs to ours, is taken round by round. A clock stops only when what it times has been
computed.

prompt         from the text to its keys and values; ours leaves the last position to the first frame
codes          talker and code predictor, a frame of all rows: ours as the loop runs them, theirs in the batch
               session or in `generate`, with a vocoder that does nothing
samples        the vocoder: ours in steps of 4 frames, theirs in the same or in one call
stream         from the text to the last sample: ours as a listener has it, theirs every 0.08 s or 0.32 s
renders        the same for several at once, a frame of each row: theirs in the batch session or one by one,
               streamed or not
first audio    from the text to the first samples, of one listener alone
changed        ours that waits for each step before the next, with mlx-audio's vocoder, without the compiler; and
               the first audio of a listener who comes beside renders, which give way as they do in the engine
kernels        nodes of the graph of one row's frame, but for those that only look at memory in another way; of a
               step of 4 frames of the vocoder, a fourth. On a CPU they are those that a GPU would be given without
               its compiler, which fuses more of ours, as all of a step of ours is compiled there
waits, reads   calls of `mx.eval`, and arrays turned into numbers, per frame in the midst of things
MB             weights; and beside all weights, the most that MLX had in a run

Of several ways of theirs the quickest counts, by its median; the JSON has all rounds of all of them.

Not measured: Metal, unless it runs on one; how real weights sound, or when they end. Generated weights say nothing
of that, but a dense step takes the same time whatever its numbers are. Ratios of a CPU, which is busy multiplying,
do not hold for a GPU, which waits to be told what to do: only kernels, waits and memory carry over.
"""

import argparse
import gc
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext, redirect_stdout
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING
from unittest.mock import patch

from app.selftest.checkpoint.dims import Size
from app.workers.synthesis import mlx_runtime
from app.workers.synthesis.blas import preload
from bench.figures import WIDTH
from bench.inference.table import Line, Table, head, printed
from bench.report import Report, Run, close, machine_with_mlx, parser, written

if TYPE_CHECKING:
    from bench.inference.measures import Plan, Sides

#: On a CPU, where the published sizes take mlx-audio seconds for each frame.
_FRAMES: dict[Size, int] = {"tiny": 32, "quarter": 16, "0.6b": 8, "1.7b": 8}
_ROUNDS: dict[Size, int] = {"tiny": 5, "quarter": 3, "0.6b": 2, "1.7b": 2}
_GPU_FRAMES, _GPU_ROUNDS = 96, 5

#: A CPU needs no more to get warm; a GPU compiles for each length.
_CPU_WARM_FRAMES = 4


class Comparison(Report, frozen=True, kw_only=True):
    """With all tables."""

    frames: int
    prompt_positions: int
    tables: list[Table]


def measure(sides: "Sides", plan: "Plan", say: Callable[[str], None]) -> list[Table]:
    """Take all measurements, and say each line as soon as it is there."""
    from bench.inference.measures import Memory, changes, counts, times

    memory = Memory()
    compared = Table(name="ms per frame", ours="ours", other="mlx-audio", lines=[])
    changed = Table(name="ms per frame", ours="as it is", other="changed", lines=[])
    counted = Table(name="per frame", ours="ours", other="mlx-audio", lines=[])
    _fill(compared, times(sides, plan, memory), say)
    best = "; ".join(f"{line.what}: {line.other_is}" for line in compared.lines if len(line.rounds) > 2)
    say(fill(f"The best of several ways of mlx-audio: {best}.", WIDTH) + "\n")
    _fill(changed, changes(sides, plan, memory), say)
    _fill(counted, counts(sides, plan, memory, compared.lines), say)
    return [compared, changed, counted]


def _fill(table: Table, lines: Iterator[Line], say: Callable[[str], None]) -> None:
    for text in head(table):
        say(text)
    for line in lines:
        table.lines.append(line)
        say(printed(line))
    say("")


def sides_of(folder: Path) -> "Sides":
    """Load a checkpoint for each side."""
    import mlx.core as mx

    from app.workers.synthesis.qwen3.loading import load_checkpoint
    from bench.inference.measures import Sides
    from bench.inference.ours import Ours
    from bench.inference.theirs import Theirs

    def active_mb() -> float:
        gc.collect()
        mx.clear_cache()
        return mx.get_active_memory() / 1e6

    on_gpu = mlx_runtime.device() != "cpu"
    with redirect_stdout(sys.stderr):  # where mlx-audio's remarks belong
        ours = Ours(load_checkpoint(folder), compiled=on_gpu)
        our_weights_mb = active_mb()
        theirs = Theirs(load_checkpoint(folder))
        their_weights_mb = active_mb() - our_weights_mb
        eager = Ours(load_checkpoint(folder), compiled=False) if on_gpu else None
    assert ours.prompt_positions == theirs.prompt_positions, "the prompts are not the same"
    return Sides(ours, theirs, eager, our_weights_mb, their_weights_mb)


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    chosen = _parsed(arguments)
    with patch.object(preload, "load", str) if chosen.reference_blas else nullcontext():
        loaded = mlx_runtime.prepare()
    mlx_runtime.without_compiler()
    # What follows imports MLX, which must come after the BLAS.
    from bench.inference.measures import Plan

    processor = mlx_runtime.processor(loaded)
    on_gpu = processor.device != "cpu"
    frames: int = chosen.frames or (_GPU_FRAMES if on_gpu else _FRAMES[chosen.dims])
    rounds: int = chosen.rounds or (_GPU_ROUNDS if on_gpu else _ROUNDS[chosen.dims])
    plan = Plan(frames, frames if on_gpu else min(frames, _CPU_WARM_FRAMES), rounds, chosen.rows)
    run = Run()
    with ExitStack() as stack:
        folder: Path = chosen.checkpoint or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sides = sides_of(written(folder, chosen.dims, ends="never"))
    of = machine_with_mlx(device=processor.device, blas=processor.blas, gflops=processor.gflops)
    print(f"{chosen.dims}, {frames} frames, {rounds} rounds, a prompt of {sides.ours.prompt_positions} positions")
    speed = "" if processor.gflops is None else f", {processor.blas}, {processor.gflops:.0f} GFLOP/s"
    print(f"{processor.device}{speed}, load average {run.load[0]}\n", flush=True)
    if processor.warning:
        print(fill(f"Slow: {processor.warning}.", WIDTH) + "\n", flush=True)
    tables = measure(sides, plan, lambda line: print(line, flush=True))
    report = Comparison(
        **run.facts(),
        method=__doc__ or "",
        machine=of,
        dims=chosen.dims,
        frames=frames,
        rounds=rounds,
        prompt_positions=sides.ours.prompt_positions,
        tables=tables,
    )
    close(report, chosen.json)
    return 0


def _parsed(arguments: list[str] | None) -> argparse.Namespace:
    options = parser("python -m bench.inference", __doc__)
    options.add_argument("--rows", type=_rows, default=(1, 4, 8), metavar="N,…", help="of 1, 2, 4 and 8")
    options.add_argument("--frames", type=_frames, metavar="N", help="a multiple of 4")
    options.add_argument("--rounds", type=int, metavar="N")
    options.add_argument("--reference-blas", action="store_true", help="leave MLX the BLAS of its wheel")
    return options.parse_args(arguments)


def _rows(words: str) -> tuple[int, ...]:
    rows = tuple(sorted({int(word) for word in words.split(",")}))
    if not set(rows) <= {1, 2, 4, 8}:
        raise argparse.ArgumentTypeError("rows are of 1, 2, 4 and 8")
    return rows


def _frames(word: str) -> int:
    frames = int(word)
    if frames <= 0 or frames % 4:
        raise argparse.ArgumentTypeError("frames are a multiple of 4, the steps of the vocoders")
    return frames


if __name__ == "__main__":
    sys.exit(main())
