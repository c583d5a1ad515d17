"""Qwen3-TTS's codes as audio: by our vocoder in steps, and by that of mlx-audio in one go."""

# mlx-audio has no types, and MLX's are partly unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from typing import Any, TypeAlias

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from app.workers.synthesis.qwen3.references import Reference
from app.workers.synthesis.qwen3.vocoder import Vocoder, VocoderState

Samples: TypeAlias = NDArray[np.float32]

GROUPS, CODES = 16, 2_048


def codes_of(frames: int, seed: int = 0) -> mx.array:
    """[1, code groups, frames]."""
    return mx.array(np.random.default_rng(seed).integers(0, CODES, (1, GROUPS, frames)).astype(np.int32))


def decoded(theirs: Any, codes: mx.array) -> Samples:
    """By mlx-audio, in one go."""
    return np.array(theirs.speech_tokenizer.decoder(codes)).reshape(-1)


def stepped(vocoder: Vocoder, codes: mx.array, *lengths: int, state: VocoderState | None = None) -> Samples:
    """By ours, in steps of these lengths."""
    assert sum(lengths) == codes.shape[-1]
    parts: list[Samples] = []
    start = 0
    for length in lengths:
        samples, state = vocoder.step(codes[..., start : start + length], state)
        parts.append(np.array(samples).reshape(-1))
        start += length
    return np.concatenate(parts)


def primed(vocoder: Vocoder, codes: mx.array) -> VocoderState:
    """The state after a reference."""
    reference = Reference("", codes, mx.zeros((1, 8)), mx.zeros((1, codes.shape[-1], 8)))
    while (state := reference.prime(vocoder)) is None:
        pass
    return state


def apart(one: Any, other: Any) -> float:
    """The largest difference, as a part of the peak."""
    assert one.shape == other.shape
    return float(np.abs(one - other).max() / np.abs(other).max())
