"""Codes are drawn from the distribution that the settings ask for, with noise of each sequence's own."""

# mlx-audio has no types, and MLX's are partly unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from numpy.typing import NDArray

from app.workers.synthesis.qwen3.sampling import (
    CodeSampling,
    FirstCodeProcessor,
    FrameSampler,
    SamplingParams,
    stack_sampling,
)
from tests.support.variants import in_test_long

GROUPS, CODES = 16, 2_048


def chosen(
    logits: NDArray[np.float32], *batch: SamplingParams, frames: int = 1, group: int = 0
) -> NDArray[np.int64]:
    """Codes of each sequence in this many frames, [frames, batch]; all have the same logits."""
    sampling, mode = stack_sampling(batch)
    found: list[NDArray[np.int64]] = []
    for frame in range(frames):
        at = mx.full((len(batch),), frame, mx.int32)
        sampler = FrameSampler(sampling, mode, at, GROUPS, logits.size)
        repeated = mx.array(np.tile(logits, (len(batch), 1)))
        found.append(np.array(sampler.sample(repeated, group)).astype(np.int64))
    return np.stack(found)


def warm(seed: int = 1, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0) -> SamplingParams:
    return SamplingParams(seed, temperature, top_k, top_p, 1.0, 0)


def unlikely(found: NDArray[np.int64], expected: NDArray[np.float64]) -> float:
    """Pearson's statistic, as a multiple of its mean: about 1 where the codes are drawn from what is expected."""
    counts = np.bincount(found, minlength=expected.size)
    assert counts[expected == 0].sum() == 0
    wanted = expected * found.size
    often = wanted >= 5  # the statistic means nothing for what is expected once or twice
    seen = np.append(counts[often], counts[~often].sum())
    wanted = np.append(wanted[often], wanted[~often].sum() + 1e-9)
    assert often.sum() > 2
    return float(((seen - wanted) ** 2 / wanted).sum() / often.sum())


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({}, 20),
        ({"top_k": 5}, 5),
        ({"top_k": 64}, 20),
        ({"temperature": 0.5}, 20),
        ({"temperature": 2.0, "top_p": 0.8}, None),
        ({"temperature": 2.0, "top_k": 8, "top_p": 0.8}, None),
    ],
)
def test_codes_are_sampled_from_the_softmax_of_the_likeliest(settings: dict[str, Any], kept: int | None) -> None:
    logits = np.random.default_rng(3).normal(size=20).astype(np.float32)
    row = warm(**settings)
    scaled = logits.astype(np.float64) / row.temperature
    if row.top_k and row.top_k < 20:
        scaled[np.argsort(-scaled)[row.top_k :]] = -np.inf
    expected = np.exp(scaled) / np.exp(scaled).sum()
    if row.top_p < 1:
        order = np.argsort(-expected)
        before = np.cumsum(expected[order]) - expected[order]
        expected[order[before >= row.top_p]] = 0
        expected /= expected.sum()
    if kept is not None:
        assert (expected > 0).sum() == kept

    of_many_sequences = chosen(logits, *[warm(seed, **settings) for seed in range(500)])[0]
    of_many_frames = chosen(logits, warm(9, **settings), frames=500)[:, 0]
    found = np.concatenate([of_many_sequences, of_many_frames])

    assert unlikely(found, expected) < 2


def test_a_sequences_noise_is_its_own() -> None:
    logits = np.random.default_rng(3).normal(size=CODES).astype(np.float32)
    one = warm(7, top_k=50)

    alone = chosen(logits, one, frames=30)[:, 0]
    among = chosen(logits, warm(1), one, warm(2, top_p=0.5), warm(3, temperature=0.0), frames=30)[:, 1]
    other = chosen(logits, warm(7 + 2**32, top_k=50), frames=30)[:, 0]

    assert np.array_equal(alone, among)
    assert len(set(alone)) > 10
    assert not np.array_equal(alone, other)
    assert not np.array_equal(alone, chosen(logits, one, frames=30, group=1)[:, 0])


@pytest.mark.parametrize(
    "one", [warm(7, top_k=50), *in_test_long((warm(7, top_k=1),), (warm(7, temperature=0.0),))]
)
@pytest.mark.parametrize("other", [warm(1), warm(1, top_k=0), warm(1, top_k=100), warm(1, temperature=0.0)])
def test_equally_likely_codes_are_sampled_alike_whatever_else_is_in_the_batch(
    one: SamplingParams, other: SamplingParams
) -> None:
    """In bfloat16, which a GPU computes in, there are many."""
    numbers = mx.array(np.random.default_rng(3).normal(size=(40, CODES)) * 2.5, mx.bfloat16).astype(mx.float32)

    for logits in np.array(numbers):
        assert chosen(logits, one, frames=3)[:, 0].tolist() == chosen(logits, one, other, frames=3)[:, 0].tolist()


def test_codes_as_likely_as_the_last_of_top_k_are_kept_with_it() -> None:
    """As in transformers, and in bfloat16 there often are some."""
    logits = np.array([1.0, 3.0, 2.0, 0.5, 2.0, 1.0, 2.0, 0.0], np.float32)

    found = chosen(logits, *[warm(seed, top_k=2) for seed in range(400)])[0]

    expected = np.where(logits >= 2, np.exp(logits.astype(np.float64)), 0)
    assert unlikely(found, expected / expected.sum()) < 2


def test_a_frames_other_codes_have_sampling_of_their_own() -> None:
    logits = np.random.default_rng(3).normal(size=CODES).astype(np.float32)
    rows = [
        SamplingParams(5, 0.0, 0, 1.0, 1.0, 0, CodeSampling(1.0, 50, 1.0)),
        SamplingParams(5, 1.0, 50, 1.0, 1.0, 0, CodeSampling(0.0, 0, 1.0)),
        SamplingParams(5, 1.0, 50, 1.0, 1.0, 0, CodeSampling(1.0, 1, 1.0)),
        SamplingParams(5, 1.0, 50, 1.0, 1.0, 0, CodeSampling(1.0, 0, 1e-9)),
    ]

    first, other = (chosen(logits, *rows, frames=30, group=group).T for group in (0, 1))

    assert [len(set(row)) == 1 for row in first.tolist()] == [True, False, False, False]
    assert [len(set(row)) == 1 for row in other.tolist()] == [False, True, True, True]


def test_at_temperature_0_the_likeliest_is_chosen_whatever_else_is_in_the_batch() -> None:
    logits = np.random.default_rng(3).normal(size=CODES).astype(np.float32)
    cold = warm(temperature=0.0)

    for others in ([], [warm(top_k=50)], [warm()], [warm(top_p=0.3)]):
        assert (chosen(logits, cold, *others, frames=3)[:, 0] == logits.argmax()).all()


def test_specials_and_an_early_end_are_not_chosen_and_repetition_costs() -> None:
    codes, end = 3_072, 2_150
    first = FirstCodeProcessor(codes, end)
    logits = mx.array(np.random.default_rng(0).normal(size=(3, codes)).astype(np.float32))
    frames = mx.array([0, 1, 70])
    batch = ((1.0, 1), (1.5, 1), (2.0, 0))
    sampling, _ = stack_sampling([SamplingParams(1, 1, 0, 1, penalty, min_frames) for penalty, min_frames in batch])
    history = first.make_history(3)
    for number in range(70):
        history = first.push_history(history, mx.array([5, 6, number]))

    allowed = np.array(first.process(logits, history, frames, sampling))

    plain = np.array(logits)
    specials = np.arange(codes) >= codes - 1_024
    specials[end] = False
    assert np.isinf(allowed[:, specials]).all()
    assert np.isinf(allowed[0, end])
    assert allowed[1, end] == plain[1, end]
    assert allowed[0, 5] == plain[0, 5]
    wanted = plain[1, 6] * 1.5 if plain[1, 6] < 0 else plain[1, 6] / 1.5
    assert allowed[1, 6] == pytest.approx(wanted)
    changed = {int(code) for code in np.flatnonzero(~specials & (allowed[2] != plain[2]))}
    assert changed == set(range(70)), "all of them count, and not the last 64 alone, as in mlx-audio"
