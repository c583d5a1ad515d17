"""Answers about voices, made from the store's rows."""

from datetime import datetime

from msgspec import Struct

from app.api.views.shared import VoiceKindWord, when
from app.store.rows import Voice


class VoiceView(Struct, frozen=True, kw_only=True):
    """A voice."""

    voice_id: str
    display_name: str
    created_at: datetime
    tts_model_id: str
    language_hint: str | None
    kind: VoiceKindWord
    ref_text: str | None
    description: str | None

    @classmethod
    def of(cls, voice: Voice) -> "VoiceView":
        """From its row."""
        return cls(
            voice_id=voice.id,
            display_name=voice.display_name,
            created_at=when(voice.created_at),
            tts_model_id=voice.model_id,
            language_hint=voice.language_hint,
            kind=voice.kind.value,
            ref_text=voice.transcript,
            description=voice.description,
        )


class VoiceList(Struct, frozen=True):
    """Voices that were made here first, then the presets."""

    voices: list[VoiceView]


class Cloned(Struct, frozen=True):
    """The voice that was made."""

    voice_id: str
    display_name: str
    created_at: datetime
    tts_model_id: str


class Heard(Struct, frozen=True):
    """What is said in a recording."""

    text: str
    language: str | None
