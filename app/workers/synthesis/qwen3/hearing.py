"""What the model hears in a recording: the mel spectrogram that its speaker encoder takes, and the codec's codes.

The networks are mlx-audio's. What is done around them is done here as in the official code (QwenLM/Qwen3-TTS,
`mel_spectrogram`, and transformers' Mimi), where mlx-audio 0.6.2 does something else: its Hann window is a
symmetric one, its mel filters are float32, and its encoder's GELU is the approximation by tanh.
"""

# mlx-audio has no types, and those of MLX are half unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from numpy.typing import NDArray

from app.inference.model import SAMPLE_RATE

#: Of how recordings are heard; codes that were kept under another version are made anew.
VERSION = 2

WINDOW, HOP, MELS = 1_024, 256, 128

#: Of an amplitude, before its logarithm is taken.
_LEAST = 1e-5

#: Slaney's scale (Auditory Toolbox, 1998): linear up to 1 kHz, then logarithmic.
_LINEAR_HZ, _BREAK_HZ, _LOG_STEP = 200 / 3, 1_000.0, np.log(6.4) / 27


class Hearing:
    """Belongs to the worker's thread. `speech_tokenizer` and `speaker_encoder` are mlx-audio's."""

    def __init__(self, speech_tokenizer: Any, speaker_encoder: Any) -> None:
        self._speech_tokenizer, self._speaker_encoder = speech_tokenizer, speaker_encoder
        encoder: Any = speech_tokenizer.encoder_model
        if encoder is not None:
            for layer in encoder.encoder_transformer.transformer.layers:
                layer.gating.activation = nn.gelu
        time = np.arange(WINDOW) / WINDOW
        self._window = mx.array((0.5 - 0.5 * np.cos(2 * np.pi * time)).astype(np.float32))
        self._filters = mx.array(mel_filters())

    def codes(self, samples: mx.array) -> mx.array:
        """Of mono audio, [samples]: int32, [1, code groups, frames]."""
        return self._speech_tokenizer.encode(samples[None, None]).astype(mx.int32)

    def speaker(self, samples: mx.array) -> mx.array:
        """The speaker vector of mono audio, [samples]: float32, [1, width]."""
        return self._speaker_encoder(self.mel(samples)).astype(mx.float32)

    def mel(self, samples: mx.array) -> mx.array:
        """Of mono audio, [samples]: logarithms, float32, [1, frames, `MELS`]. Raises ValueError for too few."""
        if samples.size < WINDOW:
            raise ValueError(f"a recording of {samples.size:,} samples is too short; {WINDOW:,} are the least")
        beyond = (WINDOW - HOP) // 2
        before, after = samples[1 : beyond + 1][::-1], samples[-beyond - 1 : -1][::-1]
        padded = mx.concatenate([before, samples, after])
        count = 1 + (padded.size - WINDOW) // HOP
        frames = mx.as_strided(padded, (count, WINDOW), (HOP, 1))
        amplitudes = mx.sqrt(mx.abs(mx.fft.rfft(frames * self._window)).square() + 1e-9)
        return mx.log(mx.maximum(amplitudes @ self._filters.T, _LEAST))[None]


def mel_filters() -> NDArray[np.float32]:
    """Triangles of equal area up to half the sample rate, [`MELS`, frequencies], worked out in float64 as librosa
    does it.
    """
    frequencies = np.linspace(0, SAMPLE_RATE / 2, WINDOW // 2 + 1)
    edges = _hertz(np.linspace(0, _mels(SAMPLE_RATE / 2), MELS + 2))
    rising = (frequencies - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - frequencies) / np.diff(edges)[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return (triangles * (2 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32)


def _mels(hertz: float) -> float:
    """Of a frequency beyond the break."""
    return float(_BREAK_HZ / _LINEAR_HZ + np.log(hertz / _BREAK_HZ) / _LOG_STEP)


def _hertz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    at_break = _BREAK_HZ / _LINEAR_HZ
    beyond = _BREAK_HZ * np.exp(_LOG_STEP * (mels - at_break))
    return np.where(mels < at_break, mels * _LINEAR_HZ, beyond)
