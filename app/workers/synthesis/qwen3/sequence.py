"""An utterance on its way through the loop: how much of its prompt is in, what has been said, what has been heard.

It knows the lengths of the stretches that it is voiced in, which depend on nothing but itself, so that its samples
do not either. Who runs when is for the loop.
"""

# Those of MLX are half unknown.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import mlx.core as mx

from app.inference.model import FinishReason, Lane
from app.workers.synthesis.qwen3.kv_cache import Parked
from app.workers.synthesis.qwen3.prompts import Prompt
from app.workers.synthesis.qwen3.references import Reference
from app.workers.synthesis.qwen3.sampling import Sampling
from app.workers.synthesis.qwen3.vocoder import VocoderState

#: A listener's frames are voiced in such stretches, the last of them over and over: the first is heard at once, and
#: from then on there is always more at hand than is needed.
SPEAK_FRAMES = (1, 2, 4, 8)

#: A render's: 0.96 s.
RENDER_FRAMES = 12


class Row:
    """Belongs to the worker's thread."""

    def __init__(
        self,
        utterance_id: int,
        lane: Lane,
        prompt: Prompt,
        sampling: Sampling,
        max_frames: int,
        reference: Reference | None,
        *,
        behind: int = 0,
    ) -> None:
        self.utterance_id, self.lane, self.behind = utterance_id, lane, behind
        self.prompt, self.sampling, self.max_frames = prompt, sampling, max_frames
        self.reference = reference
        self.vocoder: VocoderState | None = None  #: where its samples are; None at their start
        self.slot: int | None = None
        self.parked: Parked | None = None
        self.filled = 0  #: positions of the prompt that are in
        self.said = 0  #: frames whose codes are on their way, or there
        self.known = 0  #: frames whose codes have been looked at
        self.voiced = 0  #: frames whose samples have been asked for
        self.reason: FinishReason | None = None
        self.valid = 0  #: once there is a reason: frames that count
        self._unvoiced: list[mx.array] = []
        self._stretches = 0

    @property
    def ready(self) -> bool:
        """All of its prompt is in, but for the input of the first frame."""
        return self.filled == self.prompt.positions - 1

    @property
    def position(self) -> int:
        """Where its next frame goes."""
        return self.filled + self.said

    @property
    def max_positions(self) -> int:
        """How many it can come to have."""
        return self.prompt.positions + self.max_frames

    @property
    def done(self) -> bool:
        """It has said and voiced everything."""
        return self.reason is not None and self.voiced >= self.valid

    @property
    def due(self) -> int:
        """Frames that are to be voiced now, all of a stretch; 0 when there are too few."""
        enough = self.voiced < self.valid if self.reason is not None else len(self._unvoiced) >= self._stretch
        return self._stretch if enough else 0

    @property
    def _stretch(self) -> int:
        if self.lane is Lane.RENDER:
            return RENDER_FRAMES
        return SPEAK_FRAMES[min(self._stretches, len(SPEAK_FRAMES) - 1)]

    def inputs(self, start: int, end: int) -> mx.array:
        """Positions of its prompt."""
        common = self.prompt.common.shape[1]
        parts = [
            self.prompt.common[:, start : min(end, common)],
            self.prompt.own[:, max(0, start - common) : max(0, end - common)],
        ]
        return mx.concatenate([part for part in parts if part.shape[1]], axis=1)

    @property
    def beside(self) -> mx.array | None:
        """The text that is laid beside the frame it is about to say, [1, 1, hidden]; None when that is over."""
        text = self.prompt.beside
        return text[:, self.said : self.said + 1] if self.said < text.shape[1] else None

    def say(self, codes: mx.array) -> None:
        """A frame's codes, [1, groups], which are on their way, and which nobody has looked at yet."""
        self.said += 1
        self._unvoiced.append(codes)

    def end(self, reason: FinishReason, valid: int) -> None:
        """It is known to have said all; only so many of its frames count."""
        self.reason, self.valid = reason, valid
        del self._unvoiced[max(0, valid - self.voiced) :]

    def take_due(self) -> mx.array:
        """The codes to be voiced next, [1, groups, frames].

        At its end a stretch is filled up, and what was filled in is dropped: the end may be known before the last
        stretch is due or after it, and samples must not depend on that.
        """
        frames = self.due
        taken, self._unvoiced = self._unvoiced[:frames], self._unvoiced[frames:]
        taken += taken[-1:] * (frames - len(taken))
        self.voiced += frames
        self._stretches += 1
        return mx.stack(taken, axis=2)
