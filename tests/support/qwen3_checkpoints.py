"""Qwen3-TTS models of random weights, each written once and loaded once, and voices for them."""

import wave
from pathlib import Path
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from app.inference.model import Lane, Utterance, VoiceKind, VoiceSpec
from app.selftest.checkpoint import write_checkpoint
from app.workers.synthesis.mlx_runtime import resample_on_use, without_compiler
from app.workers.synthesis.qwen3.model import Qwen3
from tests.support.speaking import speak

FRAME_SAMPLES = 1_920
FRAME_BYTES = 2 * FRAME_SAMPLES
STEP_BYTES = 4 * FRAME_BYTES

#: The random models have seven frames or more for the one, and thirteen or more for the other.
TEXT = "A"
LONGER = "It is the."
EMPTY = "A ∅."

RYAN = VoiceSpec(VoiceKind.PRESET, "ryan")
DEEP = VoiceSpec(VoiceKind.DESIGN, description="A deep voice.")

#: Where a share of the whole length is not a whole sample, when there are ten frames more.
REFERENCE_FRAMES = 13


class Models:
    """All in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loaded: dict[str, Qwen3] = {}
        resample_on_use()  # these two as the worker has it
        without_compiler()

    def folder(self, **options: Any) -> Path:
        """Of a checkpoint with these options of `write_checkpoint`."""
        folder = self._folder / "-".join(f"{name}={value}" for name, value in sorted(options.items()))
        if not folder.exists():
            write_checkpoint(folder, **options)
        return folder

    def model(self, **options: Any) -> Qwen3:
        """One that is used by several tests; it must be left as it was found."""
        folder = self.folder(**options)
        if folder.name not in self._loaded:
            self._loaded[folder.name] = Qwen3.load(folder)
        return self._loaded[folder.name]


class Alone:
    """What a model says when it has nothing else to say: spoken once for all tests."""

    def __init__(self) -> None:
        self._spoken: dict[tuple[Qwen3, Utterance], bytes] = {}

    def __call__(self, model: Qwen3, wanted: Utterance) -> bytes:
        """The PCM. The number of an utterance must not matter; its lane may, in the last bit of a sample, for the
        two are turned into samples in segments of different lengths.
        """
        wanted = replace(wanted, id=1)
        key = model, wanted
        if key not in self._spoken:
            spoken = speak(model, wanted)
            assert spoken.pcm, spoken.frames
            self._spoken[key] = spoken.pcm
        return self._spoken[key]


def utterance(text: str = TEXT, voice: VoiceSpec = RYAN, **changes: Any) -> Utterance:
    settings: dict[str, Any] = {"id": 1, "lane": Lane.RENDER, "seed": 1, **changes}
    return Utterance(text=text, voice=voice, **settings)


def endless(voice: VoiceSpec = RYAN, **changes: Any) -> Utterance:
    """It would go on, but not for ever: a test that fails has to end."""
    return utterance("A ∞.", voice, **{"max_seconds": 4, **changes})


def samples_of(pcm: bytes) -> NDArray[np.float64]:
    return np.frombuffer(pcm, "<i2").astype(np.float64) / 32_767


def tone(pitch: float = 150.0, frames: int = REFERENCE_FRAMES) -> NDArray[np.int16]:
    """A reference that is not the same from both ends."""
    time = np.arange(frames * FRAME_SAMPLES) / 24_000
    return np.round(9_000 * np.sin(2 * np.pi * pitch * time * (1 + time)) * np.sin(9 * time)).astype(np.int16)


def clone(folder: Path, samples: NDArray[np.int16] | None = None, transcript: str = "I") -> VoiceSpec:
    """A voice with this recording in its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with wave.open(str(folder / "reference.wav"), "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", ""))
        file.writeframes((tone() if samples is None else samples).astype("<i2").tobytes())
    return VoiceSpec(VoiceKind.CLONE, folder=str(folder), transcript=transcript)
