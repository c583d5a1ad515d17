"""A sequence: one utterance on its way through the decode loop, from its prompt to its last audio.

It knows the lengths of the segments in which its audio is decoded. They depend on nothing but the sequence itself,
so its samples do not depend on anything else either. When it runs is decided elsewhere.
"""

# MLX's types are partly unknown.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import mlx.core as mx

from app.inference.model import FinishReason, Lane
from app.workers.synthesis.qwen3.kv_cache import SlotState
from app.workers.synthesis.qwen3.prompts import Prompt
from app.workers.synthesis.qwen3.references import Reference
from app.workers.synthesis.qwen3.sampling import SamplingParams
from app.workers.synthesis.qwen3.vocoder import VocoderState

#: Frames of a listener's segments; the last length repeats. The first frame is heard at once, and from then on
#: there is always more audio ready than is needed.
SPEAK_FRAMES = (1, 2, 4, 8)

#: Frames of a render's segments: 0.96 s.
RENDER_FRAMES = 12


class SpeechSequence:
    """The state of one utterance, counted in frames of 80 ms. Runs on the worker's thread."""

    def __init__(
        self,
        utterance_id: int,
        lane: Lane,
        prompt: Prompt,
        sampling: SamplingParams,
        max_frames: int,
        reference: Reference | None,
        *,
        after: int = 0,
    ) -> None:
        self.utterance_id, self.lane = utterance_id, lane
        self.after = after  #: the id of the utterance that is heard before it; 0 for none
        self.prompt, self.sampling, self.max_frames = prompt, sampling, max_frames
        self.reference = reference
        self.vocoder_state: VocoderState | None = None  #: None at its start
        self.slot: int | None = None  #: in the KV cache
        self.swapped_out: SlotState | None = None  #: what its slot held, until it has another one
        self.prefilled = 0  #: positions of the prompt that are in the KV cache
        self.generated = 0  #: frames whose decode step has been fully launched
        self.checked = 0  #: frames whose codes have been read
        self.decoded = 0  #: frames whose segment has been started, padding included
        self.reason: FinishReason | None = None
        self.kept_frames = 0  #: once there is a reason: frames that count
        self._undecoded: list[mx.array] = []
        self._segments = 0

    @property
    def is_prefilled(self) -> bool:
        """All of its prompt is in the KV cache but the last position, which is the input of the first frame."""
        return self.prefilled == self.prompt.positions - 1

    @property
    def position(self) -> int:
        """The position of its next frame in the KV cache."""
        return self.prefilled + self.generated

    @property
    def max_positions(self) -> int:
        """The most positions it can come to have."""
        return self.prompt.positions + self.max_frames

    @property
    def all_audio_started(self) -> bool:
        """All of its codes are generated, and the segments of all frames that count have been started."""
        return self.reason is not None and self.decoded >= self.kept_frames

    @property
    def due_frames(self) -> int:
        """Frames of the segment that can be decoded now; 0 when there are not enough codes yet."""
        if self.reason is not None:
            enough = self.decoded < self.kept_frames
        else:
            enough = len(self._undecoded) >= self._segment_frames
        return self._segment_frames if enough else 0

    @property
    def next_text(self) -> mx.array | None:
        """The text that is laid beside the next frame, [1, 1, hidden]; None when there is no more."""
        text = self.prompt.trailing_text
        return text[:, self.generated : self.generated + 1] if self.generated < text.shape[1] else None

    @property
    def _segment_frames(self) -> int:
        if self.lane is Lane.RENDER:
            return RENDER_FRAMES
        return SPEAK_FRAMES[min(self._segments, len(SPEAK_FRAMES) - 1)]

    def slice_prompt(self, start: int, end: int) -> mx.array:
        """The inputs of some positions of its prompt, [1, end - start, hidden]."""
        prefix = self.prompt.prefix.shape[1]
        parts = [
            self.prompt.prefix[:, start : min(end, prefix)],
            self.prompt.suffix[:, max(0, start - prefix) : max(0, end - prefix)],
        ]
        return mx.concatenate([part for part in parts if part.shape[1]], axis=1)

    def append_codes(self, codes: mx.array) -> None:
        """Take the codes of a frame, [1, groups], which are launched but not read yet."""
        self.generated += 1
        self._undecoded.append(codes)

    def stop_generating(self, reason: FinishReason, kept_frames: int) -> None:
        """Stop generating; frames after `kept_frames` do not count."""
        self.reason, self.kept_frames = reason, kept_frames
        del self._undecoded[max(0, kept_frames - self.decoded) :]

    def take_segment(self) -> mx.array:
        """Take the codes of the segment that is due, [1, groups, frames].

        The last segment is padded with its last frame, and the audio of the padding is dropped: the end may be read
        before the last segment is due or after it, and no sample may depend on that.
        """
        frames = self.due_frames
        taken, self._undecoded = self._undecoded[:frames], self._undecoded[frames:]
        taken += taken[-1:] * (frames - len(taken))
        self.decoded += frames
        self._segments += 1
        return mx.stack(taken, axis=2)
