"""Qwen3-TTS through mlx-audio's generate, one step of one utterance at a time. A listener's utterance goes before
renders; a render that had begun rests meanwhile and goes on where it was.

mlx-audio's non-streamed path is never used: it takes frames whose first code is 0 for padding and cuts as many from
the end, and it finds the end of a clone's reference by its share of the length.
"""

# mlx-audio has no types, and those of MLX are half unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import re
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx

from app.inference.languages import AUTO, name_of
from app.inference.mlx_runtime import device
from app.inference.model import FinishReason, Frame, Lane, Utterance
from app.inference.qwen3.loading import Loaded, load
from app.inference.qwen3.references import Reference, References
from app.inference.qwen3.streams import Seam, Stream
from app.inference.qwen3.vocoder import Vocoder

#: The kind of model that has voices of a kind.
_KINDS = {"preset": "custom_voice", "clone": "base", "design": "voice_design"}


class Qwen3:
    """Belongs to the worker's thread."""

    def __init__(self, loaded: Loaded) -> None:
        self._model: Any = loaded.model
        self._checkpoint = loaded.checkpoint
        tokenizer: Any = loaded.speech_tokenizer
        vocoder = Vocoder(loaded.decoder)
        tokenizer.decoder = None  # its weights are the vocoder's now, in another shape
        embed = self._model.extract_speaker_embedding
        self._references = References(tokenizer.encode, embed, vocoder, loaded.checkpoint.fingerprint)
        added = sorted(self._model.tokenizer.get_added_vocab(), key=len, reverse=True)
        self._added = re.compile("|".join(map(re.escape, added)) or "(?!)")
        self._seam = Seam(vocoder)
        # Where mlx-audio looks for them. It would work out the speaker vector anew for every chunk.
        self._model.speech_tokenizer = self._seam
        self._model.extract_speaker_embedding = self._seam.embed
        self._lanes: dict[Lane, deque[Utterance]] = {"speak": deque(), "render": deque()}
        self._streams: dict[int, Stream] = {}
        self._canceled: set[int] = set()

    @classmethod
    def load(cls, folder: Path) -> "Qwen3":
        """Read a checkpoint into memory. Raises `BrokenCheckpoint`."""
        return cls(load(folder))

    @property
    def device(self) -> str:
        """What MLX computes on."""
        return device()

    @property
    def capacity(self) -> int:
        """One is spoken and another waits here, so that there is no gap while more are on their way."""
        return 2

    def add(self, utterances: Sequence[Utterance]) -> None:
        """Queue utterances, each lane in the order of arrival."""
        for utterance in utterances:
            self._lanes[utterance.lane].append(utterance)

    def cancel(self, utterance_id: int) -> None:
        """Seen at the next step."""
        if any(utterance.id == utterance_id for lane in self._lanes.values() for utterance in lane):
            self._canceled.add(utterance_id)

    def step(self) -> Sequence[Frame]:
        """At most four frames of 80 ms of the utterance whose turn it is, or the last word on one."""
        for lane in self._lanes.values():
            for utterance in lane:
                if utterance.id in self._canceled:
                    return [self._over(utterance, self._stream_of(utterance).ended(FinishReason.CANCELED))]
        utterance = next((lane[0] for lane in self._lanes.values() if lane), None)
        if utterance is None:
            return []
        try:
            stream = self._begun(utterance)
        except Exception as error:  # a folder that is gone, a file that is damaged, a recording that MLX dislikes
            frame = Stream(utterance, None).ended(FinishReason.ERROR, f"the voice cannot be used: {error}")
        else:
            frame = stream.step(self._seam, self._model, self._arguments(utterance, stream.reference))
        return [self._over(utterance, frame) if frame.final else frame]

    def close(self) -> None:
        """Nothing to give back: the process ends."""

    def _stream_of(self, utterance: Utterance) -> Stream:
        return self._streams.get(utterance.id) or Stream(utterance, None)

    def _begun(self, utterance: Utterance) -> Stream:
        stream = self._streams.get(utterance.id)
        if stream is None:
            voice, kind = utterance.voice, self._checkpoint.kind
            if _KINDS[voice.kind] != kind:
                raise ValueError(f"a model of kind {kind} has no {voice.kind} voices")
            reference = self._references.get(Path(voice.folder)) if voice.kind == "clone" else None
            stream = self._streams[utterance.id] = Stream(utterance, reference)
        return stream

    def _over(self, utterance: Utterance, frame: Frame) -> Frame:
        self._lanes[utterance.lane].remove(utterance)
        self._streams.pop(utterance.id, None)
        self._canceled.discard(utterance.id)
        if not self._streams:
            mx.clear_cache()
        return frame

    def _arguments(self, utterance: Utterance, reference: Reference | None) -> dict[str, Any]:
        """What mlx-audio's generate is called with."""
        voice, sampling = utterance.voice, utterance.sampling
        language = name_of(utterance.language or voice.language, self._checkpoint.language_names)
        told = [part for part in (voice.description, utterance.instruct) if part]
        return {
            "text": self._plain(utterance.text),
            "voice": voice.name or None,
            "instruct": self._plain("\n".join(told)) or None,
            "lang_code": language or AUTO,
            "ref_audio": None if reference is None else reference.audio,
            "ref_text": self._plain(voice.transcript) if reference is not None else None,
            "temperature": sampling.temperature,
            "top_k": sampling.top_k,
            "top_p": sampling.top_p,
            "repetition_penalty": sampling.repetition_penalty,
        }

    def _plain(self, text: str) -> str:
        """Text in which all is text: a tokenizer takes `<|im_end|>` for the end of the turn, and `<think>` for what
        no voice has learned to say.
        """
        return self._added.sub(lambda token: f"{token[0][:1]} {token[0][1:]}", text)
