"""Qwen3-TTS: utterances of cloned, preset and designed voices, several at once in one decode loop.

The weights and the module definitions are mlx-audio's. Ours is what makes speech of them (`generator.py`), and what
is done around the networks that encode a recording (`hearing.py`). Here utterances become rows, samples frames.
"""

# mlx-audio has no types, and those of MLX are half unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np

from app.inference.model import FinishReason, Frame, Lane, Utterance, VoiceKind
from app.inference.model import Sampling as Said
from app.inference.processor import Processor
from app.workers.synthesis import mlx_runtime
from app.workers.synthesis.pcm import NON_FINITE, to_pcm
from app.workers.synthesis.qwen3.generator import Heard, Loop
from app.workers.synthesis.qwen3.hearing import Hearing
from app.workers.synthesis.qwen3.kv_cache import POSITIONS, ROWS
from app.workers.synthesis.qwen3.loading import Loaded, load
from app.workers.synthesis.qwen3.prompts import Prompts
from app.workers.synthesis.qwen3.references import References
from app.workers.synthesis.qwen3.sampling import Choice, Sampling
from app.workers.synthesis.qwen3.sequence import Row
from app.workers.synthesis.qwen3.talker import Talker
from app.workers.synthesis.qwen3.vocoder import Vocoder

FRAMES_PER_S = 12.5

#: Where nobody says otherwise; as in the published generation_config.json, that is, never on purpose.
MAX_FRAMES = 8_192

#: As in the official code, an utterance has at least this many frames.
MIN_FRAMES = 2

#: Rows at once where a batch costs nearly what its rows cost one by one.
FEW_ROWS = 2

#: The kind of model that has voices of a kind.
_KINDS = {VoiceKind.PRESET: "custom_voice", VoiceKind.CLONE: "base", VoiceKind.DESIGN: "voice_design"}

#: As the official code has it where neither the caller nor the checkpoint says anything.
_DEFAULTS = {"temperature": 0.9, "top_k": 50, "top_p": 1.0, "repetition_penalty": 1.05}

#: What a checkpoint calls the settings of a frame's other codes.
_OTHERS, _OTHERS_SAMPLE = "subtalker_", "subtalker_dosample"


class Qwen3:
    """Belongs to the worker's thread."""

    def __init__(self, loaded: Loaded, *, max_rows: int | None = None, blas: str = "") -> None:
        model: Any = loaded.model
        self._processor = mlx_runtime.processor(blas)
        on_gpu = self._processor.device != "cpu"
        vocoder = Vocoder(loaded.decoder, compiled=on_gpu)
        tokenizer: Any = loaded.speech_tokenizer
        tokenizer.decoder = None  # its weights are the vocoder's now, in another layout
        self._kind = loaded.checkpoint.kind
        self._generation: dict[str, Any] = model.generate_config or {}
        self._prompts = Prompts(model, loaded.checkpoint.language_names)
        hearing = Hearing(tokenizer, model.speaker_encoder)
        self._references = References(
            hearing.codes, hearing.speaker, self._prompts.embedded, loaded.checkpoint.fingerprint
        )
        if max_rows is None:
            max_rows = ROWS[-1] if mlx_runtime.batches_pay() else FEW_ROWS
        budget_bytes = mlx_runtime.memory_budget_bytes()
        mx.set_cache_limit(budget_bytes // 4)  # while a book is spoken, nobody is ever idle
        aside = mlx_runtime.second_core()
        self._loop = Loop(
            Talker(model.talker, self._prompts.pad, aside=aside, compiled=on_gpu),
            vocoder,
            max_rows=max_rows,
            budget_bytes=budget_bytes,
            aside=aside,
        )
        self._lanes: dict[Lane, deque[Utterance]] = {lane: deque() for lane in Lane}
        self._rows: dict[int, Row] = {}
        self._canceled: set[int] = set()

    @classmethod
    def load(cls, folder: Path, *, max_rows: int | None = None, blas: str = "") -> "Qwen3":
        """Read a checkpoint into memory. Raises `BrokenCheckpoint`."""
        return cls(load(folder), max_rows=max_rows, blas=blas)

    @property
    def processor(self) -> Processor:
        """What MLX computes on."""
        return self._processor

    @property
    def capacity(self) -> int:
        """Rows of renders; listeners find a place beyond that."""
        return self._loop.max_rows

    def add(self, utterances: Sequence[Utterance]) -> None:
        """Queue utterances, each lane in the order of arrival."""
        for utterance in utterances:
            self._lanes[utterance.lane].append(utterance)

    def cancel(self, utterance_id: int) -> None:
        """Seen at the next step."""
        if utterance_id in self._rows or any(
            utterance.id == utterance_id for lane in self._lanes.values() for utterance in lane
        ):
            self._canceled.add(utterance_id)

    def step(self) -> Sequence[Frame]:
        """The last word on those that are canceled, or a tick of the loop. A frame is empty at the end of an
        utterance, and where a tick had nothing to give.
        """
        if self._canceled:
            return self._end_canceled()
        refused = self._begin_next()
        if refused is not None:
            return [refused]
        frames = [frame for heard in self._loop.tick() for frame in self._frames(heard)]
        return frames or [Frame(utterance_id, b"") for utterance_id in list(self._rows)[:1]]

    def close(self) -> None:
        """Nothing to give back: the process ends."""

    def _end_canceled(self) -> list[Frame]:
        frames = [_last(utterance_id, FinishReason.CANCELED) for utterance_id in sorted(self._canceled)]
        for lane, waiting in self._lanes.items():
            self._lanes[lane] = deque(utterance for utterance in waiting if utterance.id not in self._canceled)
        for utterance_id in self._canceled:
            row = self._rows.pop(utterance_id, None)
            if row is not None:
                self._loop.drop(row)
        self._canceled.clear()
        return frames

    def _begin_next(self) -> Frame | None:
        """Make a row of what waits, one at a step; the last word on it when that cannot be."""
        if self._lanes[Lane.SPEAK]:
            utterance = self._lanes[Lane.SPEAK].popleft()
        elif self._lanes[Lane.RENDER] and self._loop.rows < self._loop.max_rows:
            utterance = self._lanes[Lane.RENDER].popleft()
        else:
            return None
        try:
            row = self._row(utterance)
        except Exception as error:  # a folder that is gone, a file that is damaged, a recording that MLX dislikes
            return _last(utterance.id, FinishReason.ERROR, f"it cannot be spoken: {error}")
        self._rows[utterance.id] = row
        self._loop.add(row)
        return None

    def _row(self, utterance: Utterance) -> Row:
        voice = utterance.voice
        if _KINDS[voice.kind] != self._kind:
            raise ValueError(f"a model of kind {self._kind} has no {voice.kind} voices")
        if voice.kind is VoiceKind.DESIGN and not voice.description:
            raise ValueError("describe the voice")
        reference = self._references.get(Path(voice.folder)) if voice.kind is VoiceKind.CLONE else None
        prompt = self._prompts.of(utterance, reference)
        room = POSITIONS[-1] - prompt.positions
        if room < 1:
            raise ValueError(f"the text has {prompt.positions:,} positions, more than {POSITIONS[-1]:,}")
        limit = utterance.max_seconds
        max_frames = max(1, round(limit * FRAMES_PER_S)) if limit > 0 else MAX_FRAMES
        sampling = self._sampling(utterance)
        return Row(
            utterance.id,
            utterance.lane,
            prompt,
            sampling,
            min(max_frames, room),
            reference,
            behind=utterance.after,
        )

    def _sampling(self, utterance: Utterance) -> Sampling:
        said = utterance.sampling
        first, others = (self._choice(said, *names) for names in (("", "do_sample"), (_OTHERS, _OTHERS_SAMPLE)))
        return Sampling(
            utterance.seed,
            *first,
            penalty=self._said("repetition_penalty", said.repetition_penalty),
            min_frames=MIN_FRAMES,
            others=None if others == first else others,
        )

    def _choice(self, said: Said, prefix: str, sample: str) -> Choice:
        """What the caller says counts for all codes of a frame; a checkpoint tells the first from the others."""
        temperature = self._said("temperature", said.temperature, prefix)
        if said.temperature is None and self._generation.get(sample) is False:
            temperature = 0.0
        top_k = int(self._said("top_k", said.top_k, prefix))
        return Choice(temperature, top_k, self._said("top_p", said.top_p, prefix))

    def _said(self, name: str, said: float | None, prefix: str = "") -> float:
        """By the caller, else by the checkpoint, else by the official code."""
        if said is not None:
            return said
        configured = self._generation.get(prefix + name)
        return _DEFAULTS[name] if configured is None else configured

    def _frames(self, heard: Heard) -> list[Frame]:
        row, reason = heard.row, heard.reason
        if row.utterance_id not in self._rows:  # what came before these samples was refused
            return []
        if not np.isfinite(heard.samples).all():
            self._loop.drop(row)
            self._rows.pop(row.utterance_id)
            return [_last(row.utterance_id, FinishReason.ERROR, NON_FINITE)]
        pcm = to_pcm(heard.samples)
        if reason is not None:
            del self._rows[row.utterance_id]
            why = "the model produced NaN or infinite values" if reason is FinishReason.ERROR else ""
            return [Frame(row.utterance_id, pcm, final=True, finish_reason=reason, error=why)]
        return [Frame(row.utterance_id, pcm)]


def _last(utterance_id: int, reason: FinishReason, error: str = "") -> Frame:
    return Frame(utterance_id, b"", final=True, finish_reason=reason, error=error)
