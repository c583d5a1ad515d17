"""What is measured, in turns: one round of ours, one of each way of theirs, and again. It knows nothing of how
either of them works inside.
"""

# Those of MLX are half unknown.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import gc
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from typing import NamedTuple, TypeAlias

import mlx.core as mx
import numpy as np

from app.inference.model import Lane
from bench.figures import Figure
from bench.inference.graphs import Watched
from bench.inference.ours import OtherVocoder, Ours
from bench.inference.prompt import CHUNK_FRAMES
from bench.inference.table import Line, line_of
from bench.inference.theirs import LONG, SHORT, Theirs

#: Takes a number of frames, gives milliseconds.
Run: TypeAlias = Callable[[int], float]

_CODES, _GROUPS = 2_048, 16

#: Over which waits are counted: a listener's audio is decoded once in this many.
_FRAMES = 8


class Plan(NamedTuple):
    """How much is measured."""

    frames: int
    warm_frames: int  #: of the round that is not counted
    rounds: int
    rows: tuple[int, ...]


class Sides(NamedTuple):
    """Those that are compared, and the weights of each in megabytes."""

    ours: Ours
    theirs: Theirs
    eager: Ours | None  #: ours without the compiler, where it is used at all
    our_weights_mb: float
    their_weights_mb: float


class Memory:
    """What each run had in memory beyond what was there before it, in megabytes; the most of all rounds."""

    def __init__(self) -> None:
        self.max_mb: dict[tuple[str, str], float] = {}

    def timed(self, what: str, who: str, run: Run, frames: int) -> float:
        """One round."""
        gc.collect()
        before = mx.get_active_memory()
        mx.reset_peak_memory()
        took = run(frames)
        used = (mx.get_peak_memory() - before) / 1e6
        self.max_mb[what, who] = max(used, self.max_mb.get((what, who), 0.0))
        return took


def in_turns(what: str, runs: Mapping[str, Run], plan: Plan, memory: Memory) -> dict[str, list[float]]:
    """All of them once to get warm, then round by round."""
    for run in runs.values():
        run(plan.warm_frames)
    rounds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(plan.rounds):
        for name, run in runs.items():
            rounds[name].append(memory.timed(what, name, run, plan.frames))
    return rounds


def times(sides: Sides, plan: Plan, memory: Memory) -> Generator[Line]:
    """Of ours and theirs, part by part, then as a whole."""
    ours, theirs = sides.ours, sides.theirs
    codes = _codes(plan.frames)

    def compared(what: str, unit: str, mine: Run, ways: Mapping[str, Run]) -> Line:
        rounds = in_turns(what, {"ours": mine, **ways}, plan, memory)
        return line_of(what, unit, rounds.pop("ours"), rounds)

    yield compared("prompt, ms", "ms", lambda _: ours.prefill(), {"talker": lambda _: theirs.prefill()})
    for rows in plan.rows:
        ways: dict[str, Run] = {"batch session": lambda frames, rows=rows: theirs.decode_batched(rows, frames)}
        if rows == 1:
            ways["generate"] = theirs.decode_generating
        name = f"codes, step of {rows}"
        yield compared(name, "ms per frame", lambda frames, rows=rows: ours.decode(rows, frames), ways)
    yield compared(
        "samples",
        "ms per frame",
        lambda frames: ours.voice(codes[..., :frames]),
        {
            f"steps of {CHUNK_FRAMES}": lambda frames: theirs.voice_streaming(codes[..., :frames]),
            "one call": lambda frames: theirs.voice_at_once(codes[..., :frames]),
        },
    )
    spoken = in_turns(
        "stream",
        {
            "ours": ours.speak,
            f"every {SHORT} s": lambda frames: theirs.speak(frames, interval=SHORT),
            f"every {LONG} s": lambda frames: theirs.speak(frames, interval=LONG),
            "not streamed": lambda frames: theirs.speak(frames, stream=False),
        },
        plan,
        memory,
    )
    mine = spoken.pop("ours")
    yield line_of("stream", "ms per frame", mine, {way: spoken[way] for way in spoken if way.startswith("every")})
    for rows in (rows for rows in plan.rows if rows > 1):
        what = f"{rows} renders, a row"
        runs: dict[str, Run] = {
            "ours": lambda frames, rows=rows: ours.render(rows, frames),
            "batch session": lambda frames, rows=rows: theirs.render(rows, frames),
        }
        rounds = in_turns(what, runs, plan, memory)
        mine = rounds.pop("ours")
        # One after the other, each takes what one alone took; that is not measured again.
        for way, alone in spoken.items():
            rounds[f"one by one, {way}"] = alone
            memory.max_mb[what, f"one by one, {way}"] = memory.max_mb["stream", way]
        yield line_of(what, "ms per frame", mine, rounds)
    yield compared("first audio, ms", "ms", ours.first_audio, {f"every {SHORT} s": theirs.first_audio})


def changes(sides: Sides, plan: Plan, memory: Memory) -> Generator[Line]:
    """Of ours as it is, and with something taken from it or put beside it."""
    ours, eager = sides.ours, sides.eager
    vocoder = OtherVocoder(sides.theirs.decoder)
    runs: dict[str, Run] = {
        "ours": ours.speak,
        "waits for each step": lambda frames: ours.speak(frames, waiting=True),
        "mlx-audio's vocoder": lambda frames: ours.speak(frames, vocoder=vocoder),
    }
    if eager is not None:
        runs["not compiled"] = eager.speak
    rounds = in_turns("changed", runs, plan, memory)
    mine = rounds.pop("ours")
    for name, changed in rounds.items():
        yield line_of(name, "ms per frame", mine, {name: changed})
    if eager is None:
        yield remark("not compiled", "not used on a CPU")
    renders = plan.rows[-1]
    beside: dict[str, Run] = {
        "ours": ours.first_audio,
        "beside": lambda frames: ours.first_audio(frames, renders=renders),
    }
    rounds = in_turns("first audio beside", beside, plan, memory)
    yield line_of(f"1st audio, {renders} beside, ms", "ms", rounds["ours"], {"beside": rounds["beside"]})


def counts(sides: Sides, plan: Plan, memory: Memory, lines: list[Line]) -> Generator[Line]:
    """What needs no clock: kernels, waits, memory. `lines` say which way of theirs was the best."""
    ours, theirs = sides.ours, sides.theirs
    codes = _codes(CHUNK_FRAMES)
    yield _kernels("kernels: codes", 1, ours.frame_primitives(), theirs.frame_primitives())
    mine, other = ours.voice_primitives(codes, theirs.decoder), theirs.voice_primitives(codes)
    yield _kernels("kernels: samples", CHUNK_FRAMES, mine, other)
    watched = theirs.watched_frames(_FRAMES)
    yield from _waits("1 row", ours.watched_frames(Lane.SPEAK, 1, _FRAMES), watched)
    if plan.rows[-1] > 1:
        rows = plan.rows[-1]
        yield from _waits(f"{rows} rows", ours.watched_frames(Lane.RENDER, rows, _FRAMES), None)
    yield line_of("MB: weights", "MB", [sides.our_weights_mb], {"": [sides.their_weights_mb]})
    for line in lines:
        mb = memory.max_mb.get((line.what, line.other_is))
        if mb is not None and (line.what == "stream" or "renders" in line.what):
            yield line_of(f"MB: {line.what}", "MB", [memory.max_mb[line.what, "ours"]], {line.other_is: [mb]})


def remark(what: str, words: str) -> Line:
    """A line without numbers."""
    return Line(what=what, unit="", ours=Figure(what=what, value=float("nan")), remark=words)


def _kernels(what: str, frames: int, ours: Counter[str], theirs: Counter[str]) -> Line:
    return line_of(
        what,
        "per frame",
        [ours.total() / frames],
        {"": [theirs.total() / frames]},
        {"ours": dict(ours.most_common()), "theirs": dict(theirs.most_common())},
    )


def _waits(who: str, ours: Watched, theirs: Watched | None) -> Generator[Line]:
    for name, mine, other in (
        ("waits", ours.waits, theirs and theirs.waits),
        ("reads", ours.reads, theirs and theirs.reads),
    ):
        others = {} if other is None else {"": [other / _FRAMES]}
        yield line_of(f"{name}, {who}", "per frame", [mine / _FRAMES], others)


def _codes(frames: int) -> mx.array:
    """Some, the same every time: [1, groups, frames]."""
    codes = mx.array(np.random.default_rng(0).integers(1, _CODES, (1, _GROUPS, frames), np.int32))
    mx.eval(codes)
    return codes
