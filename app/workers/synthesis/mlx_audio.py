"""Any text-to-speech model that mlx-audio loads: one utterance at a time, one result of its generator a step.

The differences between mlx-audio's families are handled here as far as they show in `generate`. The model decides
how long a step is: one that streams gives a third of a second, one that does not gives a sentence or all of the
text.
"""

import importlib.util
import inspect
import logging
import random
import re
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from math import ceil
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import mlx.core as mx
import numpy as np
import soundfile  # pyright: ignore[reportMissingTypeStubs]
from numpy.typing import NDArray
from soxr import resample  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

from app.errors import InferenceFailed, SpeechError
from app.inference.checkpoint.inspect import read_checkpoint
from app.inference.languages import AUTO, name_of
from app.inference.model import SAMPLE_RATE, FinishReason, Utterance, VoiceKind, VoiceSpec
from app.inference.processor import Processor
from app.workers.synthesis import mlx_runtime
from app.workers.synthesis.finite import require_finite
from app.workers.synthesis.pcm import NON_FINITE, to_pcm
from app.workers.synthesis.resampling import Resampler, resampler
from app.workers.synthesis.serial import SerialModel

#: Seconds of audio that a streaming model is asked for at a time.
STREAMING_S = 0.32

#: The checkpoint's name for the voice of a model that has no names for voices.
NAMELESS = "default"

#: What families take by `**kwargs`. Any other keyword is passed to those that have it in their signature.
_BY_KEYWORD = {
    "dramabox": {"seed", "ref_audio"},
    "echo_tts": {"rng_seed"},
    "irodori_tts": {"rng_seed", "instruct"},
    "llama": {"top_k", "repetition_penalty"},
    "outetts": {"top_k", "repetition_penalty"},
    "qwen3": {"top_k", "repetition_penalty"},
    "spark": {"repetition_penalty"},
}

#: Of the families where it is known. A limit in tokens keeps a model that does not stream from running away within
#: one step, and lifts one that is too low: Orpheus would stop after 14 seconds, in the middle of a word.
_TOKENS_PER_S = {
    "chatterbox": 25.0,
    "chatterbox_turbo": 25.0,
    "llama": 7 * 24_000 / 2_048,
    "qwen3": 7 * 24_000 / 2_048,
    "rumik_oss": 100.0,
    "soprano": 32_000 / 2_048,
    "spark": 50.0,
}

#: Kokoro's names for languages, by the letter that its voices begin with.
_KOKORO = {
    "a": "en-us", "b": "en-gb", "e": "es", "f": "fr", "h": "hi", "i": "it", "j": "ja", "p": "pt-br", "z": "zh",
}  # fmt: skip

logger = logging.getLogger(__name__)


class MlxAudio(SerialModel):
    """Implements `Model`. Belongs to one thread.

    One utterance at a time, since models keep state outside their generators. An utterance that is interrupted is
    spoken again with the same seed, which gives the same audio.
    """

    def __init__(self, model: Any, model_type: str = "", *, blas: str = "") -> None:
        super().__init__()
        self._model: Any = model
        self._processor = mlx_runtime.processor(blas)
        self._model_type = model_type
        self._parameters = inspect.signature(model.generate).parameters

    @classmethod
    def load(cls, folder: Path, *, blas: str = "") -> "MlxAudio":
        """The model in a folder. Raises `BrokenCheckpoint`, and whatever mlx-audio does."""
        checkpoint = read_checkpoint(folder)
        with _without_requests():
            from mlx_audio.tts.utils import load  # pyright: ignore[reportMissingTypeStubs]

            # Only the type is given: mlx-audio would trust a folder's name more than the folder's content.
            model = load(folder, model_type=checkpoint.model_type, model_name_parts=[])
        require_finite(model, infinite=True)
        return cls(model, checkpoint.model_type, blas=blas)

    @property
    def capacity(self) -> int:
        """One is spoken and the next one waits here, so that there is no gap while it is on its way."""
        return 2

    @property
    def processor(self) -> Processor:
        """What MLX computes on."""
        return self._processor

    def close(self) -> None:
        """Forget all utterances and the model, and free its memory."""
        super().close()
        self._model = None
        mx.clear_cache()

    def _begin(self, utterance: Utterance, *, skip_bytes: int) -> "MlxAudioStream":
        _seed(utterance.seed)
        results = self._model.generate(**self._keywords(utterance))
        return MlxAudioStream(results, self._model, utterance.max_seconds, skip_bytes=skip_bytes)

    def _explain(self, error: Exception) -> str:
        """A model may raise anything, and the next utterance may be fine."""
        if isinstance(error, SpeechError):
            return error.message
        logger.error("the model failed", exc_info=error)
        return f"the model failed: {type(error).__name__}: {error}"[:300]

    def _keywords(self, utterance: Utterance) -> dict[str, Any]:
        """The arguments of `generate`: what it accepts of the utterance, and nothing that it would silently ignore
        or fail on.
        """
        sampling, seconds = utterance.sampling, utterance.max_seconds
        tokens_per_s = _TOKENS_PER_S.get(self._model_type)
        wanted: dict[str, Any] = {
            "temperature": sampling.temperature,
            "top_k": sampling.top_k,
            "top_p": sampling.top_p,
            "repetition_penalty": sampling.repetition_penalty,
            "instruct": utterance.instruct or None,
            # A second more than is wanted, so that it is the audio which reaches the limit.
            "max_tokens": ceil((seconds + 1) * tokens_per_s) if seconds and tokens_per_s else None,
            # Some set the seed themselves, to the same number for every text.
            "seed": utterance.seed & 0x7FFF_FFFF,
            "rng_seed": utterance.seed & 0x7FFF_FFFF,
        }
        if "streaming_interval" in self._parameters:  # those with only `stream` refuse to stream
            wanted |= {"stream": True, "streaming_interval": STREAMING_S}
        wanted |= self._voice_keywords(utterance.voice)
        wanted |= self._language_keyword(utterance)
        found = {name: value for name, value in wanted.items() if value is not None and self._takes(name)}
        return {"text": utterance.text, **found}

    def _takes(self, name: str) -> bool:
        return name in self._parameters or name in _BY_KEYWORD.get(self._model_type, ())

    def _voice_keywords(self, voice: VoiceSpec) -> dict[str, Any]:
        match voice.kind:
            case VoiceKind.PRESET:
                if voice.name in ("", NAMELESS):
                    return {}
                if not self._takes("voice"):
                    raise InferenceFailed(f"this model has no voice named {voice.name!r}")
                return {"voice": voice.name}
            case VoiceKind.CLONE:
                if not self._takes("ref_audio"):
                    raise InferenceFailed("this model cannot speak with a cloned voice")
                path = Path(voice.folder) / "reference.wav"
                by_path = getattr(self._model, "preserve_ref_audio_path", False) is True
                if by_path and importlib.util.find_spec("miniaudio") is None:  # on Linux on ARM
                    raise InferenceFailed("this model clones with the package miniaudio: pip install miniaudio")
                audio = str(path) if by_path else _reference(path, self._model.sample_rate)
                return {"ref_audio": audio, "ref_text": voice.transcript or None}
            case VoiceKind.DESIGN:
                raise InferenceFailed("this model cannot make a voice from a description")

    def _language_keyword(self, utterance: Utterance) -> dict[str, Any]:
        tag = utterance.language or utterance.voice.language
        tag = "" if tag == AUTO else tag
        if self._model_type == "kokoro":
            # The voice's own accent first, which is what "en" alone means, then the others.
            own = _KOKORO.get(utterance.voice.name[:1], _KOKORO["a"])
            name = name_of(tag, (own, *_KOKORO.values()))
            return {"lang_code": own if name in (None, AUTO) else name}
        for parameter in ("language", "lang_code", "lang"):
            default = getattr(self._parameters.get(parameter), "default", "")
            # Some use other names, such as "EN-US"; those keep their default.
            if tag and (default in (None, "None", AUTO) or re.fullmatch("[a-z]{2}", str(default))):
                return {parameter: tag.partition("-")[0].lower()}
        return {}


class MlxAudioStream:
    """The results of one call of `generate`, as PCM. Implements `SpeechStream`."""

    def __init__(self, results: Iterator[Any], model: Any, max_seconds: float, *, skip_bytes: int) -> None:
        self._results, self._model = iter(results), model
        self._rate = 0
        self._resampler: Resampler | None = None
        self._room = 2 * round(max_seconds * SAMPLE_RATE) if max_seconds else None
        self._skip = skip_bytes

    def read(self) -> tuple[bytes, FinishReason | None]:
        """The PCM of the next result, and the reason if the utterance ends with it."""
        result = next(self._results, None)
        if result is None:
            pcm = self._converted(np.zeros(0, np.float32), last=True) if self._rate else b""
        else:
            self._follow_rate(int(getattr(result, "sample_rate", 0) or self._model.sample_rate))
            pcm = self._converted(_mono(result.audio))
        reason = FinishReason.STOP if result is None else None
        if self._room is not None:
            if len(pcm) > self._room:
                pcm, reason = pcm[: self._room], FinishReason.LENGTH
            self._room -= len(pcm)
        skipped = min(self._skip, len(pcm))
        self._skip -= skipped
        if reason is not None and self._skip:
            raise InferenceFailed("the model was interrupted and did not give the same audio again")
        return pcm[skipped:], reason

    def stop(self) -> None:
        """Close the model's generator, which cleans up after itself."""
        close = getattr(self._results, "close", None)
        try:
            if close is not None:
                close()
        except Exception:
            logger.exception("the model failed when it was interrupted")

    def _follow_rate(self, rate: int) -> None:
        if self._rate not in (0, rate):
            raise InferenceFailed(f"the model changed its sample rate from {self._rate} to {rate}")
        if not self._rate and rate != SAMPLE_RATE:
            self._resampler = resampler(rate)
        self._rate = rate

    def _converted(self, samples: NDArray[np.float32], *, last: bool = False) -> bytes:
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(samples, last=last)
        return to_pcm(samples)


def _mono(audio: Any) -> NDArray[np.float32]:
    """The mono samples of a result, whatever kind of array it is and however its channels are ordered."""
    if isinstance(audio, mx.array):
        audio = audio.astype(mx.float32)  # NumPy has no bfloat16
    samples = np.asarray(audio, np.float32).squeeze()
    if samples.ndim == 2:
        samples = samples.mean(axis=int(np.argmin(samples.shape)))
    samples = samples.reshape(-1)
    if not np.isfinite(samples).all():
        raise InferenceFailed(NON_FINITE)
    return np.ascontiguousarray(samples, np.float32)


def _reference(path: Path, rate: int) -> mx.array:
    audio = cast(Any, soundfile).read(path, dtype="float32", always_2d=True)
    samples, own_rate = cast(tuple[NDArray[np.float32], int], audio)
    return mx.array(cast(Any, resample)(samples.mean(axis=1), own_rate, rate, quality="HQ"))


def _seed(seed: int) -> None:
    """Seed every random generator that a model may use, so that earlier utterances make no difference."""
    mx.random.seed(seed & 0xFFFF_FFFF_FFFF_FFFF)
    np.random.seed(seed & 0xFFFF_FFFF)  # the old global one is what models use
    random.seed(seed)


@contextmanager
def _without_requests() -> Generator[None]:
    """Let Pocket TTS be imported without `requests`, which mlx-audio does not depend on. It would fetch voices from
    the web with it; nothing is fetched here, so an empty module will do.
    """
    if importlib.util.find_spec("requests") is not None:
        yield
        return
    stand_in = ModuleType("requests")
    stand_in.__spec__ = ModuleSpec("requests", None)
    sys.modules["requests"] = stand_in
    try:
        yield
    finally:
        del sys.modules["requests"]
