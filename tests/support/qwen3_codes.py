"""Generated codes: those of our loop, recorded frame by frame, and those of mlx-audio."""

# mlx-audio has no types, and MLX's are partly unknown.
# pyright: reportUnknownMemberType=false

from typing import Any, TypeAlias

import mlx.core as mx
import numpy as np
import pytest
from numpy.typing import NDArray

from app.workers.synthesis.qwen3.sequence import SpeechSequence

Codes: TypeAlias = NDArray[np.uint32]


@pytest.fixture
def generated(monkeypatch: pytest.MonkeyPatch) -> dict[int, list[Codes]]:
    """The codes of each utterance, frame by frame; the last may be those after its end."""
    found: dict[int, list[Codes]] = {}
    append_codes = SpeechSequence.append_codes

    def noted(sequence: SpeechSequence, codes: mx.array) -> None:
        found.setdefault(sequence.utterance_id, []).append(np.array(codes)[0])
        append_codes(sequence, codes)

    monkeypatch.setattr(SpeechSequence, "append_codes", noted)
    return found


def their_codes(theirs: Any, frames: int, **told: Any) -> Codes:
    """What mlx-audio's own streaming `generate` generates, [frames, groups]."""
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
