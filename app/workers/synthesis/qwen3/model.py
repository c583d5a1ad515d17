"""Qwen3-TTS as a `Model`: cloned, preset and designed voices, several utterances at once in one
decode loop.

The weights and the module definitions are mlx-audio's. Ours are the loop that generates speech from them
(`generator.py`) and the signal processing before the networks that encode a recording (`reference_encoder.py`).
Here utterances become sequences, and their samples become frames of the protocol.
"""

# mlx-audio has no types, and MLX's are partly unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np

from app.inference.model import FinishReason, Frame, Lane, Sampling, Utterance, VoiceKind
from app.inference.processor import Processor
from app.workers.synthesis import mlx_runtime
from app.workers.synthesis.pcm import NON_FINITE, to_pcm
from app.workers.synthesis.qwen3.generator import BatchGenerator, IterationOutput
from app.workers.synthesis.qwen3.kv_cache import POSITIONS, SLOTS
from app.workers.synthesis.qwen3.loading import LoadedCheckpoint, load_checkpoint
from app.workers.synthesis.qwen3.prompts import PromptBuilder
from app.workers.synthesis.qwen3.reference_encoder import ReferenceEncoder
from app.workers.synthesis.qwen3.references import ReferenceCache
from app.workers.synthesis.qwen3.sampling import CodeSampling, SamplingParams
from app.workers.synthesis.qwen3.sequence import SpeechSequence
from app.workers.synthesis.qwen3.talker import Talker
from app.workers.synthesis.qwen3.vocoder import Vocoder

FRAMES_PER_S = 12.5

#: The limit of an utterance that has none; as in the published generation_config.json, it is not meant to be
#: reached.
MAX_FRAMES = 8_192

#: As in the official code, an utterance has at least this many frames.
MIN_FRAMES = 2

#: The most sequences at once where a batch costs nearly as much as its sequences one by one.
UNBATCHED_SEQUENCES = 2

#: The type of checkpoint that each kind of voice needs.
_KINDS = {VoiceKind.PRESET: "custom_voice", VoiceKind.CLONE: "base", VoiceKind.DESIGN: "voice_design"}

#: The official code's, for what neither the caller nor the checkpoint sets.
_DEFAULTS = {"temperature": 0.9, "top_k": 50, "top_p": 1.0, "repetition_penalty": 1.05}

#: The names in generation_config.json of the settings of a frame's other codes.
_SUBTALKER_PREFIX, _SUBTALKER_DO_SAMPLE = "subtalker_", "subtalker_dosample"


class Qwen3:
    """The model. Runs on the worker's thread. `generator` is public for tests.

    Without `max_sequences` it depends on what the machine gains by a batch; `blas` is the BLAS that MLX computes
    with.
    """

    def __init__(self, loaded: LoadedCheckpoint, *, max_sequences: int | None = None, blas: str = "") -> None:
        model: Any = loaded.model
        self._processor = mlx_runtime.processor(blas)
        on_gpu = self._processor.device != "cpu"
        vocoder = Vocoder(loaded.decoder, compiled=on_gpu)
        tokenizer: Any = loaded.speech_tokenizer
        tokenizer.decoder = None  # the vocoder has its weights now, in another layout
        self._kind = loaded.checkpoint.kind
        self._generation_config: dict[str, Any] = model.generate_config or {}
        self._prompts = PromptBuilder(model, loaded.checkpoint.language_names)
        encoder = ReferenceEncoder(tokenizer, model.speaker_encoder)
        self._references = ReferenceCache(
            encoder.encode, encoder.embed_speaker, self._prompts.embed_codes, loaded.checkpoint.fingerprint
        )
        if max_sequences is None:
            max_sequences = SLOTS[-1] if mlx_runtime.batches_pay() else UNBATCHED_SEQUENCES
        budget_bytes = mlx_runtime.memory_budget_bytes()
        mx.set_cache_limit(budget_bytes // 4)  # while a book is rendered, the loop is never idle and frees nothing
        second_stream = mlx_runtime.second_core()
        self.generator = BatchGenerator(
            Talker(model.talker, self._prompts.pad, second_stream=second_stream, compiled=on_gpu),
            vocoder,
            max_sequences=max_sequences,
            budget_bytes=budget_bytes,
            second_stream=second_stream,
        )
        self._waiting: dict[Lane, deque[Utterance]] = {lane: deque() for lane in Lane}
        self._sequences: dict[int, SpeechSequence] = {}  #: by utterance id
        self._canceled: set[int] = set()

    @classmethod
    def load(cls, folder: Path, *, max_sequences: int | None = None, blas: str = "") -> "Qwen3":
        """Load a checkpoint. Raises `BrokenCheckpoint`."""
        return cls(load_checkpoint(folder), max_sequences=max_sequences, blas=blas)

    @property
    def processor(self) -> Processor:
        """What MLX computes on."""
        return self._processor

    @property
    def capacity(self) -> int:
        """Sequences of renders that can run at once; listeners are accepted beyond it, and wait for a slot."""
        return self.generator.max_sequences

    def add(self, utterances: Sequence[Utterance]) -> None:
        """Queue utterances, each lane in the order of arrival."""
        for utterance in utterances:
            self._waiting[utterance.lane].append(utterance)

    def cancel(self, utterance_id: int) -> None:
        """Cancel an utterance at the next step."""
        waiting = (utterance.id for lane in self._waiting.values() for utterance in lane)
        if utterance_id in self._sequences or utterance_id in waiting:
            self._canceled.add(utterance_id)

    def step(self) -> Sequence[Frame]:
        """The final frames of canceled utterances, or that of one that cannot be spoken, or else those of one
        iteration of the loop. A frame is empty at the end of an utterance, and where an iteration had no audio.
        It may encode a whole recording first.
        """
        if self._canceled:
            return self._end_canceled()
        rejected = self._start_next()
        if rejected is not None:
            return [rejected]
        frames = [frame for output in self.generator.step() for frame in self._make_frames(output)]
        return frames or [Frame(utterance_id, b"") for utterance_id in list(self._sequences)[:1]]

    def close(self) -> None:
        """Do nothing: the process ends, and its memory with it."""

    def _end_canceled(self) -> list[Frame]:
        frames = [_final_frame(utterance_id, FinishReason.CANCELED) for utterance_id in sorted(self._canceled)]
        for lane, waiting in self._waiting.items():
            self._waiting[lane] = deque(utterance for utterance in waiting if utterance.id not in self._canceled)
        for utterance_id in self._canceled:
            sequence = self._sequences.pop(utterance_id, None)
            if sequence is not None:
                self.generator.drop(sequence)
        self._canceled.clear()
        return frames

    def _start_next(self) -> Frame | None:
        """Make a sequence of one waiting utterance. Returns its final frame if that fails."""
        if self._waiting[Lane.SPEAK]:
            utterance = self._waiting[Lane.SPEAK].popleft()
        elif self._waiting[Lane.RENDER] and self.generator.sequence_count < self.generator.max_sequences:
            utterance = self._waiting[Lane.RENDER].popleft()
        else:
            return None
        try:
            sequence = self._make_sequence(utterance)
        except Exception as error:  # a folder that is gone, a damaged file, a recording that MLX cannot encode
            return _final_frame(utterance.id, FinishReason.ERROR, f"it cannot be spoken: {error}")
        self._sequences[utterance.id] = sequence
        self.generator.add(sequence)
        return None

    def _make_sequence(self, utterance: Utterance) -> SpeechSequence:
        voice = utterance.voice
        if _KINDS[voice.kind] != self._kind:
            raise ValueError(f"a model of kind {self._kind} has no {voice.kind} voices")
        if voice.kind is VoiceKind.DESIGN and not voice.description:
            raise ValueError("describe the voice")
        reference = self._references.get(Path(voice.folder)) if voice.kind is VoiceKind.CLONE else None
        prompt = self._prompts.build(utterance, reference)
        left = POSITIONS[-1] - prompt.positions
        if left < 1:
            raise ValueError(f"the text has {prompt.positions:,} positions, more than {POSITIONS[-1]:,}")
        limit = utterance.max_seconds
        max_frames = max(1, round(limit * FRAMES_PER_S)) if limit > 0 else MAX_FRAMES
        sampling = self._resolve_sampling(utterance)
        max_frames = min(max_frames, left)
        return SpeechSequence(
            utterance.id, utterance.lane, prompt, sampling, max_frames, reference, after=utterance.after
        )

    def _resolve_sampling(self, utterance: Utterance) -> SamplingParams:
        asked = utterance.sampling
        first = self._resolve_code_sampling(asked, "", "do_sample")
        others = self._resolve_code_sampling(asked, _SUBTALKER_PREFIX, _SUBTALKER_DO_SAMPLE)
        return SamplingParams(
            utterance.seed,
            *first,
            penalty=self._resolve("repetition_penalty", asked.repetition_penalty),
            min_frames=MIN_FRAMES,
            others=None if others == first else others,
        )

    def _resolve_code_sampling(self, asked: Sampling, prefix: str, sample: str) -> CodeSampling:
        """The caller's values hold for all codes of a frame; a checkpoint has others for the first code."""
        temperature = self._resolve("temperature", asked.temperature, prefix)
        if asked.temperature is None and self._generation_config.get(sample) is False:
            temperature = 0.0
        top_k = int(self._resolve("top_k", asked.top_k, prefix))
        return CodeSampling(temperature, top_k, self._resolve("top_p", asked.top_p, prefix))

    def _resolve(self, name: str, asked: float | None, prefix: str = "") -> float:
        """A value from the caller, else from the checkpoint, else from the official code."""
        if asked is not None:
            return asked
        configured = self._generation_config.get(prefix + name)
        return _DEFAULTS[name] if configured is None else configured

    def _make_frames(self, output: IterationOutput) -> list[Frame]:
        sequence, reason = output.sequence, output.reason
        if sequence.utterance_id not in self._sequences:  # samples before these were not finite
            return []
        if not np.isfinite(output.samples).all():
            self.generator.drop(sequence)
            self._sequences.pop(sequence.utterance_id)
            return [_final_frame(sequence.utterance_id, FinishReason.ERROR, NON_FINITE)]
        pcm = to_pcm(output.samples)
        if reason is not None:
            del self._sequences[sequence.utterance_id]
            why = "the model produced NaN or infinite values" if reason is FinishReason.ERROR else ""
            return [Frame(sequence.utterance_id, pcm, final=True, finish_reason=reason, error=why)]
        return [Frame(sequence.utterance_id, pcm)]


def _final_frame(utterance_id: int, reason: FinishReason, error: str = "") -> Frame:
    return Frame(utterance_id, b"", final=True, finish_reason=reason, error=error)
