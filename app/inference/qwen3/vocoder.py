"""From codes to samples, a few frames at a time: mlx-audio's decoder, with its state taken out of it.

mlx-audio keeps the state of its one stream in the decoder's own modules: a second stream corrupts the first, and an
abandoned one leaves its rest to the next. Here every stream has a state of its own, put into the modules for a step
and taken out again behind it. A clone's stream begins where its reference ends, so that its start is not distorted,
and nothing of the reference has to be cut away by its share of the length.

It does not know where codes come from.
"""

# mlx-audio has no types, and those of MLX are half unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from typing import Any, NamedTuple

import mlx.core as mx

#: Samples of one frame, 80 ms.
FRAME_SAMPLES = 1_920

#: What the modules call the parts of their state (mlx_audio/tts/models/qwen3_tts/speech_tokenizer.py).
_PARTS = ("_buffer", "_overflow")


class VocoderState(NamedTuple):
    """Where a stream is: what the convolutions keep, and keys, values and position of each attention layer."""

    parts: tuple[mx.array | None, ...]
    attention: tuple[tuple[mx.array, mx.array, int], ...]


class Vocoder:
    """Belongs to the worker's thread. `decoder` is mlx-audio's own, without `mx.compile` around it."""

    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder
        self._slots = [
            (module, part)
            for _, module in decoder.named_modules()
            for part in _PARTS
            if hasattr(module, "reset_state") and hasattr(module, part)
        ]

    def step(self, codes: mx.array, state: VocoderState | None) -> tuple[mx.array, VocoderState]:
        """Decode codes, [1, code groups, frames], behind a state, None at the start: samples, and the state then.

        Samples are float32, [frames * 1920]. The state that was given stays as it is; it can be gone on from again.
        """
        self._put(state)
        try:
            samples: mx.array = self._decoder.streaming_step(codes).reshape(-1)
            after = self._taken()
        finally:
            self._decoder.reset_streaming_state()
        mx.eval(
            samples, [part for part in after.parts if part is not None], [layer[:2] for layer in after.attention]
        )
        return samples, after

    def primed(self, codes: mx.array, *, frames_at_once: int = 25) -> VocoderState:
        """The state behind codes that nobody needs to hear, [1, code groups, frames], of at least one frame."""
        state: VocoderState | None = None
        for start in range(0, codes.shape[-1], frames_at_once):
            _, state = self.step(codes[..., start : start + frames_at_once], state)
        assert state is not None
        return state

    def _put(self, state: VocoderState | None) -> None:
        self._decoder.reset_streaming_state()
        if state is None:
            return
        for (module, part), value in zip(self._slots, state.parts, strict=True):
            setattr(module, part, value)
        caches = self._decoder.pre_transformer.make_cache()
        for cache, (keys, values, position) in zip(caches, state.attention, strict=True):
            # Copies: the cache writes into its arrays, and the state may be gone on from again.
            cache.keys, cache.values, cache.offset = mx.array(keys), mx.array(values), position
        self._decoder._transformer_cache = caches

    def _taken(self) -> VocoderState:
        return VocoderState(
            tuple(getattr(module, part) for module, part in self._slots),
            tuple((cache.keys, cache.values, cache.offset) for cache in self._decoder._transformer_cache),
        )
