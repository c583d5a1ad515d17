"""What listeners and renders cost each other, as rounds and figures. The method is in the command's docstring."""

import random
import time
from itertools import chain
from typing import NamedTuple

import msgspec

from bench.fairness.jobs import Batch, Doors, Heard, texts
from bench.figures import Figure, Measurement, rounds_of, spread

#: One after the other, in each half of a round.
LISTENERS = 2

#: Chunks of a render that is still running when all listeners of a round have come and gone.
MANY_CHUNKS = 60

#: The text of the batch has seeds of its own.
BATCH_SEED, BOOKS_SEED = 0, 1_000


class Plan(NamedTuple):
    """How much is measured."""

    rounds: int
    renders: int
    batch_chunks: int  #: of each job


def warm(doors: Doors, plan: Plan) -> None:
    """What is not counted: a batch and two listeners, the second of them beside it."""
    first = doors.listen()
    doors.batch(texts(plan.renders, 1, first=BATCH_SEED), listener_after_s=first.first_s)


def first_audio(doors: Doors, plan: Plan) -> Measurement:
    """What a listener notices of renders."""
    dice = random.Random(1)
    idle: list[list[Heard]] = []
    busy: list[list[Heard]] = []
    for number in range(plan.rounds):
        idle.append(_listeners(doors, dice, _first(idle[-1]) if idle else 0.0))
        books = texts(plan.renders, MANY_CHUNKS, first=BOOKS_SEED * (number + 1))
        with doors.renders(books):
            busy.append(_listeners(doors, dice, _first(idle[-1])))
    ratio = _first(list(chain(*busy))) / _first(list(chain(*idle)))
    _, low, high = spread([_first(over) / _first(under) for over, under in zip(busy, idle, strict=True)])
    beside = f"beside {plan.renders} renders"
    return Measurement(
        figures=[
            rounds_of("first audio, idle", _firsts(idle), unit="ms"),
            rounds_of(f"first audio, {beside}", _firsts(busy), unit="ms"),
            Figure(what="busy / idle, of the medians", value=ratio, low=low, high=high, at_most=1.5),
            rounds_of("all of the job, idle", [one.whole_s for each in idle for one in each], unit="s"),
            rounds_of(f"all of the job, {beside}", [one.whole_s for each in busy for one in each], unit="s"),
        ],
        details={"idle": msgspec.to_builtins(idle), "busy": msgspec.to_builtins(busy)},
    )


def batches(doors: Doors, plan: Plan) -> Measurement:
    """What renders notice of a listener."""
    wanted = texts(plan.renders, plan.batch_chunks, first=BATCH_SEED)
    dice = random.Random(2)
    alone: list[Batch] = [doors.batch(wanted)]
    beside: list[Batch] = []
    listeners: list[list[Heard]] = []
    shares: list[float] = []
    for _ in range(plan.rounds):
        before = alone[-1]
        listeners.append(_listeners(doors, dice, 0.0))
        listener_s = _whole(listeners[-1])
        beside.append(doors.batch(wanted, listener_after_s=before.wall_s / 2))
        alone.append(doors.batch(wanted))
        assert before.samples == beside[-1].samples == alone[-1].samples, "the same jobs give the same audio"
        shares.append((beside[-1].wall_s - listener_s) / ((before.wall_s + alone[-1].wall_s) / 2))
    return Measurement(
        figures=[
            rounds_of(f"{plan.renders} renders alone", [one.wall_s for one in alone], unit="s"),
            rounds_of("the same with a listener", [one.wall_s for one in beside], unit="s"),
            rounds_of("the listener alone", [one.whole_s for each in listeners for one in each], unit="s"),
            rounds_of("(with listener - listener) / alone", shares, at_most=1.15),
        ],
        details={
            "alone": msgspec.to_builtins(alone),
            "with_a_listener": msgspec.to_builtins(beside),
            "listeners_alone": msgspec.to_builtins(listeners),
        },
    )


def _listeners(doors: Doors, dice: random.Random, pause_s: float) -> list[Heard]:
    """They come at any moment of what else goes on: one to three times `pause_s` after the one before."""
    heard: list[Heard] = []
    for _ in range(LISTENERS):
        time.sleep(dice.uniform(1, 3) * pause_s)
        heard.append(doors.listen())
    return heard


def _first(heard: list[Heard]) -> float:
    return spread([one.first_s for one in heard]).middle


def _whole(heard: list[Heard]) -> float:
    return spread([one.whole_s for one in heard]).middle


def _firsts(rounds: list[list[Heard]]) -> list[float]:
    return [1000 * one.first_s for heard in rounds for one in heard]
