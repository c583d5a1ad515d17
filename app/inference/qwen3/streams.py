"""Utterances at work in mlx-audio's generate: each is a generator that is advanced a few frames at a time, with
seeds and a vocoder state of its own, so that one can rest while another is spoken.

`Seam` stands where mlx-audio looks for its speech tokenizer. What is asked of it is asked for the stream whose turn
it is. How utterances take turns is for `model.py`.
"""

# mlx-audio has no types, and those of MLX are half unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from collections.abc import Generator
from hashlib import blake2b
from typing import Any

import mlx.core as mx
import numpy as np

from app.inference.model import FinishReason, Frame, Utterance
from app.inference.qwen3.references import Reference
from app.inference.qwen3.vocoder import Vocoder, VocoderState

#: Of one step: short enough for a listener and for a cancel, long enough for the vocoder to be worth starting.
STEP_FRAMES = 4
FRAMES_PER_S = 12.5

#: Where nobody says otherwise; as in the published generation_config.json, that is, never on purpose.
MOST_FRAMES = 8_192


class Stream:
    """One utterance. Belongs to the worker's thread."""

    def __init__(self, utterance: Utterance, reference: Reference | None) -> None:
        self.utterance, self.reference = utterance, reference
        limit = utterance.max_seconds
        self.most_frames = max(1, round(limit * FRAMES_PER_S)) if limit > 0 else MOST_FRAMES
        self.frames = 0
        self.vocoder: VocoderState | None = None if reference is None else reference.vocoder
        self._steps = 0
        self._generator: Generator[Any] | None = None

    def step(self, seam: "Seam", model: Any, arguments: dict[str, Any]) -> Frame:
        """The next frames, at most `STEP_FRAMES` of the model's; an error of the model's is in the last frame."""
        seam.stream = self
        # MLX has one random state, which cannot be put back: each step begins with a seed of its own instead.
        mx.random.seed(_seed(self.utterance.seed, self._steps))
        self._steps += 1
        try:
            if self._generator is None:
                model._icl_cache.clear()  # its keys are a length and a sum, which two references may share
                generator: Generator[Any] = model.generate(
                    text=arguments.pop("text"),
                    max_tokens=self.most_frames,
                    stream=True,
                    streaming_interval=STEP_FRAMES / FRAMES_PER_S,
                    **arguments,
                )
                self._generator = generator
            result: Any = next(self._generator, None)
        except Exception as error:
            return self.ended(FinishReason.ERROR, f"{type(error).__name__}: {error}")
        finally:
            seam.stream = None
        if result is None:
            reached = self.frames >= self.most_frames
            return self.ended(FinishReason.LENGTH if reached else FinishReason.STOP)
        samples = np.array(result.audio.astype(mx.float32))
        if not np.isfinite(samples).all():
            return self.ended(FinishReason.ERROR, "the model gave samples that are no numbers")
        pcm = np.rint(np.clip(samples, -1.0, 1.0) * 32767.0).astype("<i2").tobytes()
        return Frame(self.utterance.id, pcm)

    def ended(self, reason: FinishReason, error: str = "") -> Frame:
        """Its last frame; it is over."""
        if self._generator is not None:
            self._generator.close()
        return Frame(self.utterance.id, b"", final=True, finish_reason=reason, error=error)


def _seed(seed: int, step: int) -> int:
    return int.from_bytes(blake2b(f"{seed}:{step}".encode(), digest_size=8).digest())


class Seam:
    """What mlx-audio's generate sees as its speech tokenizer, and as the decoder in it. Belongs to the worker's
    thread; `stream` is the one whose turn it is.
    """

    has_encoder = True

    def __init__(self, vocoder: Vocoder) -> None:
        self.stream: Stream | None = None
        self._vocoder = vocoder

    @property
    def decoder(self) -> "Seam":
        """The decoder, which is here too."""
        return self

    def reset_streaming_state(self) -> None:
        """Nothing: a stream's state is its own."""

    def streaming_step(self, codes: mx.array) -> mx.array:
        """Samples for codes, [1, code groups, frames], as [1, 1, samples]."""
        stream = self._current()
        samples, stream.vocoder = self._vocoder.step(codes, stream.vocoder)
        mx.eval(samples, stream.vocoder)
        stream.frames += codes.shape[-1]
        return samples[None]

    def encode(self, audio: mx.array) -> mx.array:
        """The codes of the stream's reference, which were worked out before."""
        return self._reference().codes

    def embed(self, audio: mx.array, sr: int = 24_000) -> mx.array:
        """The speaker vector of the stream's reference, which was worked out before."""
        return self._reference().speaker

    def _current(self) -> Stream:
        assert self.stream is not None
        return self.stream

    def _reference(self) -> Reference:
        reference = self._current().reference
        assert reference is not None
        return reference
