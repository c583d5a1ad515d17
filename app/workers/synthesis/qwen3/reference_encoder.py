"""Encodes a recording: its codes, and the speaker embedding, which is computed from a mel spectrogram.

The networks are mlx-audio's. What surrounds them follows the official code (QwenLM/Qwen3-TTS, `mel_spectrogram`,
and transformers' Mimi), from which mlx-audio 0.6.2 differs: its Hann window is symmetric, its mel filters are
float32, and its encoder's GELU is the tanh approximation.
"""

# mlx-audio has no types, and MLX's are partly unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from numpy.typing import NDArray

from app.inference.model import SAMPLE_RATE

#: Of the encoder: what was stored under another version is computed again.
VERSION = 2

WINDOW, HOP, MELS = 1_024, 256, 128

#: The smallest amplitude whose logarithm is taken.
_MIN_AMPLITUDE = 1e-5

#: Slaney's scale (Auditory Toolbox, 1998): linear up to 1 kHz, then logarithmic.
_LINEAR_HZ, _BREAK_HZ, _LOG_STEP = 200 / 3, 1_000.0, np.log(6.4) / 27


class ReferenceEncoder:
    """Encodes recordings. Runs on the worker's thread. `speech_tokenizer` and `speaker_encoder` are mlx-audio's."""

    def __init__(self, speech_tokenizer: Any, speaker_encoder: Any) -> None:
        self._speech_tokenizer, self._speaker_encoder = speech_tokenizer, speaker_encoder
        encoder: Any = speech_tokenizer.encoder_model
        if encoder is not None:
            for layer in encoder.encoder_transformer.transformer.layers:
                layer.gating.activation = nn.gelu
        time = np.arange(WINDOW) / WINDOW
        self._window = mx.array((0.5 - 0.5 * np.cos(2 * np.pi * time)).astype(np.float32))
        self._filters = mx.array(make_mel_filters())

    def encode(self, samples: mx.array) -> mx.array:
        """The codes of mono audio, [samples]: int32, [1, code groups, frames]."""
        return self._speech_tokenizer.encode(samples[None, None]).astype(mx.int32)

    def embed_speaker(self, samples: mx.array) -> mx.array:
        """The speaker embedding of mono audio, [samples]: float32, [1, width]."""
        return self._speaker_encoder(self.compute_mel(samples)).astype(mx.float32)

    def compute_mel(self, samples: mx.array) -> mx.array:
        """The logarithmic mel spectrogram of mono audio, [samples]: float32, [1, frames, `MELS`]. Raises ValueError
        if there are fewer samples than a window.
        """
        if samples.size < WINDOW:
            raise ValueError(
                f"a recording of {samples.size:,} samples is too short; at least {WINDOW:,} are needed"
            )
        beyond = (WINDOW - HOP) // 2
        before, after = samples[1 : beyond + 1][::-1], samples[-beyond - 1 : -1][::-1]
        padded = mx.concatenate([before, samples, after])
        count = 1 + (padded.size - WINDOW) // HOP
        frames = mx.as_strided(padded, (count, WINDOW), (HOP, 1))
        amplitudes = mx.sqrt(mx.abs(mx.fft.rfft(frames * self._window)).square() + 1e-9)
        return mx.log(mx.maximum(amplitudes @ self._filters.T, _MIN_AMPLITUDE))[None]


def make_mel_filters() -> NDArray[np.float32]:
    """Triangles of equal area up to half the sample rate, [`MELS`, frequencies]. In float64, as in librosa."""
    frequencies = np.linspace(0, SAMPLE_RATE / 2, WINDOW // 2 + 1)
    edges = _mels_to_hertz(np.linspace(0, _hertz_to_mels(SAMPLE_RATE / 2), MELS + 2))
    rising = (frequencies - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - frequencies) / np.diff(edges)[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return (triangles * (2 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32)


def _hertz_to_mels(hertz: float) -> float:
    """For frequencies above the break."""
    return float(_BREAK_HZ / _LINEAR_HZ + np.log(hertz / _BREAK_HZ) / _LOG_STEP)


def _mels_to_hertz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    at_break = _BREAK_HZ / _LINEAR_HZ
    beyond = _BREAK_HZ * np.exp(_LOG_STEP * (mels - at_break))
    return np.where(mels < at_break, mels * _LINEAR_HZ, beyond)
