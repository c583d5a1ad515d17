"""The messages of `WS /v1/audio/speech/stream`, in the shape of vLLM-Omni (`serving_speech_stream.py` there).

What a client leaves out or sends as null is left to the engine; a setting that the engine does not have is refused.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field

from app import SAMPLE_RATE
from app.api.openai_requests import CreateSpeechRequest
from app.api.schemas import Language, Seed, VoiceName
from app.errors import ErrorBody
from app.inference.model import VoiceKind
from app.store.rows import Voice
from app.usecases.fields import wrong
from app.usecases.jobs import Request
from app.usecases.json_input import read_json

#: How vLLM-Omni calls what speaks a voice of each kind.
TASK_TYPES = {"CustomVoice": VoiceKind.PRESET, "Base": VoiceKind.CLONE, "VoiceDesign": VoiceKind.DESIGN}


class SessionConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How utterances are spoken from now on. `speaker` is another name for `voice`."""

    model: Annotated[str, Meta(max_length=512)] | None = None
    voice: VoiceName | None = None
    speaker: VoiceName | None = None
    task_type: Literal["CustomVoice", "Base", "VoiceDesign"] | None = None
    language: Language | None = None
    instructions: Annotated[str, Meta(max_length=1000)] | None = None
    response_format: Literal["wav", "pcm"] = "wav"
    speed: float | None = None
    seed: Seed | None = None
    stream_audio: bool = False
    split_granularity: Literal["none", "sentence"] = "none"

    @property
    def speech(self) -> CreateSpeechRequest:
        """The same as a request of OpenAI's route, without the text."""
        return CreateSpeechRequest(
            input="",
            model=self.model,
            voice=self.voice or self.speaker,
            instructions=self.instructions,
            speed=self.speed,
            language=self.language,
            seed=self.seed,
        )

    def request(self, voice: Voice) -> Request:
        """As the use cases take it. Raises `InvalidRequest`."""
        if self.task_type is not None and TASK_TYPES[self.task_type] is not voice.kind:
            raise wrong("task_type", f"the voice {voice.display_name} is a {voice.kind}; leave task_type out")
        if self.stream_audio and self.response_format != "pcm":
            raise wrong("stream_audio", 'audio is streamed as PCM; send "response_format": "pcm" with it')
        return self.speech.job(voice)


class InputText(Struct, frozen=True):
    """More of an utterance's text."""

    text: str


class _Kind(Struct, frozen=True):
    type: str


KINDS = ("session.config", "input.text", "input.done", "session.close")


def omni_message(said: str) -> SessionConfig | InputText | str:
    """A client's message; of those without content the kind. Raises `InvalidRequest`."""
    kind = read_json(said, _Kind, what="the message").type
    if kind == "session.config":
        fields = read_json(said, dict[str, msgspec.Raw], what="the message")
        given = {name: value for name, value in fields.items() if name != "type" and bytes(value) != b"null"}
        return read_json(msgspec.json.encode(given), SessionConfig, what="the message")
    if kind == "input.text":
        return read_json(said, InputText, what="the message")
    if kind not in KINDS:
        raise wrong("type", f"{kind!r:.80} is not a message; send {', '.join(KINDS)}")
    return kind


class AudioStart(Struct, frozen=True, kw_only=True, tag_field="type", tag="audio.start", omit_defaults=True):
    """Audio of a sentence follows; `sample_rate` and `channels` are told of PCM."""

    utterance_index: int
    sentence_index: int
    sentence_text: str
    format: str
    sample_rate: int | None = None
    channels: int | None = None

    @classmethod
    def of(cls, utterance: int, sentence: int, text: str, format: str) -> "AudioStart":
        """With what describes the audio of that format."""
        plain = format == "pcm"
        return cls(
            utterance_index=utterance,
            sentence_index=sentence,
            sentence_text=text,
            format=format,
            sample_rate=SAMPLE_RATE if plain else None,
            channels=1 if plain else None,
        )


class AudioDone(Struct, frozen=True, kw_only=True, tag_field="type", tag="audio.done"):
    """The audio of a sentence was sent, or no more of it comes."""

    utterance_index: int
    sentence_index: int
    total_bytes: int
    error: bool = False


class SessionDone(Struct, frozen=True, kw_only=True, tag_field="type", tag="session.done"):
    """All of an utterance was sent. The socket takes the next."""

    utterance_index: int
    total_sentences: int


class OmniError(Struct, frozen=True, kw_only=True, tag_field="type", tag="error", omit_defaults=True):
    """Something went wrong. With `action`, what was sent of the sentence should not be used."""

    message: str
    code: str  #: one of this engine's
    partial_audio: bool = False
    action: str | None = None
    details: dict[str, Any] = field(default_factory=dict[str, Any])

    @classmethod
    def of(cls, body: ErrorBody, *, partial: bool = False) -> "OmniError":
        """What a client is told of an error; `partial` if a part of the sentence was sent."""
        return cls(
            message=body.message,
            code=body.code,
            details=body.details,
            partial_audio=partial,
            action="discard" if partial else None,
        )
