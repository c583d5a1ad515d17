"""The codes that are said: by our loop, noted frame by frame, and by mlx-audio."""

# mlx-audio has no types, those of MLX are half unknown.
# pyright: reportUnknownMemberType=false

from typing import Any, TypeAlias

import mlx.core as mx
import numpy as np
import pytest
from numpy.typing import NDArray

from app.workers.synthesis.qwen3.sequence import Row

Codes: TypeAlias = NDArray[np.uint32]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> dict[int, list[Codes]]:
    """The codes of each utterance, frame by frame; the last may be those behind its end."""
    found: dict[int, list[Codes]] = {}
    say = Row.say

    def noted(row: Row, codes: mx.array) -> None:
        found.setdefault(row.utterance_id, []).append(np.array(codes)[0])
        say(row, codes)

    monkeypatch.setattr(Row, "say", noted)
    return found


def their_codes(theirs: Any, frames: int, **told: Any) -> Codes:
    """What mlx-audio's own streamed generate says, [frames, groups]."""
    decoder = theirs.speech_tokenizer.decoder.streaming_step.__self__
    heard: list[Codes] = []

    def noted(codes: mx.array) -> mx.array:
        heard.append(np.array(codes)[0].T)
        return mx.zeros((1, 1, 1_920 * codes.shape[-1]))

    decoder.streaming_step = noted
    try:
        told = {"temperature": 0.0, "max_tokens": frames, "stream": True, "streaming_interval": 0.32, **told}
        for _ in theirs.generate(**told):
            pass
    finally:
        del decoder.streaming_step
    return np.concatenate(heard)
