"""Speaking with a model in this process, without a worker: what came of each utterance."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.inference.model import SAMPLE_RATE, FinishReason, Frame, Lane, Model, Utterance, VoiceKind, VoiceSpec

TEXT = "We were away a year ago, and we are on our way home now. Nobody knows why; all our money rolled away."


@dataclass
class Spoken:
    """What came of an utterance."""

    frames: list[Frame] = field(default_factory=list[Frame])

    @property
    def pcm(self) -> bytes:
        return b"".join(frame.pcm for frame in self.frames)

    @property
    def samples(self) -> NDArray[np.float64]:
        return np.frombuffer(self.pcm, np.int16).astype(np.float64) / 32_768

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE

    @property
    def level(self) -> float:
        """Decibels below full scale."""
        return 20 * float(np.log10(np.sqrt(np.mean(self.samples**2)) + 1e-9))

    @property
    def reason(self) -> FinishReason | None:
        return self.frames[-1].finish_reason


def utterance(
    text: str = TEXT, voice: str = "en-us", *, id: int = 1, lane: Lane = Lane.RENDER, language: str = ""
) -> Utterance:
    return Utterance(
        id=id, text=text, voice=VoiceSpec(VoiceKind.PRESET, voice), lane=lane, seed=7, language=language
    )


def finish(model: Model, spoken: dict[int, Spoken] | None = None) -> dict[int, Spoken]:
    """Step until nothing is in work."""
    spoken = {} if spoken is None else spoken
    while frames := model.step():
        collect(spoken, frames)
    return spoken


def collect(spoken: dict[int, Spoken], frames: Sequence[Frame]) -> None:
    for frame in frames:
        assert not any(earlier.final for earlier in spoken.get(frame.id, Spoken()).frames)
        spoken.setdefault(frame.id, Spoken()).frames.append(frame)


def speak(model: Model, wanted: Utterance) -> Spoken:
    model.add([wanted])
    return finish(model)[wanted.id]
