"""Answers in OpenAI's shape."""

from typing import Literal

from msgspec import Struct

from app.models.listed import Listed
from app.store.rows import Voice


class SpeechVoice(Struct, frozen=True):
    """A voice by the two fields that programs look for, and by what it is."""

    id: str
    name: str
    model: str
    language: str | None

    @classmethod
    def of(cls, voice: Voice) -> "SpeechVoice":
        """From its row."""
        return cls(voice.id, voice.display_name, voice.model_id, voice.language_hint)


class SpeechVoiceList(Struct, frozen=True):
    """The voices of the active model first."""

    voices: list[SpeechVoice]


class OpenAIModel(Struct, frozen=True):
    """A model as `GET /v1/models` of OpenAI has it. When it was made is not known: `created` is 0."""

    id: str
    owned_by: str
    created: int = 0
    object: Literal["model"] = "model"

    @classmethod
    def of(cls, listed: Listed) -> "OpenAIModel":
        """From what the engine knows of it."""
        return cls(listed.model_id, listed.repository.partition("/")[0] or "q3tts")


class SpeechUsage(Struct, frozen=True):
    """What was made of what: characters in, frames of 80 ms out."""

    input_tokens: int
    output_tokens: int
    total_tokens: int


class SpeechDelta(Struct, frozen=True, tag_field="type", tag="speech.audio.delta"):
    """The next bytes, in base64."""

    audio: bytes


class SpeechDone(Struct, frozen=True, tag_field="type", tag="speech.audio.done"):
    """The audio is complete."""

    usage: SpeechUsage
