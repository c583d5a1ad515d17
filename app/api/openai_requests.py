"""The request of `POST /v1/audio/speech`, as OpenAI's clients send it."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from app.api.schemas import Language, Seed, VoiceName
from app.audio.export.formats import LIVE_FORMATS
from app.inference.model import Lane
from app.store.rows import Settings, Voice
from app.usecases.fields import wrong
from app.usecases.jobs import MAX_TEXT_CHARS, Request

MIN_SPEED, MAX_SPEED = 0.5, 2.0

#: OpenAI's models of this route, and dated ones: whoever sends such a name leaves the model to the engine.
STOCK_MODELS = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")


class VoiceRef(Struct, frozen=True):
    """A voice by its id."""

    id: VoiceName


class CreateSpeechRequest(Struct, frozen=True, kw_only=True):
    """Speak a text, and send the audio as it is made. `language` and `seed` are this engine's own."""

    input: Annotated[str, Meta(max_length=MAX_TEXT_CHARS)]
    model: Annotated[str, Meta(max_length=512)] | None = None
    voice: VoiceName | VoiceRef | None = None
    instructions: Annotated[str, Meta(max_length=1000)] | None = None
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] | None = None
    speed: Annotated[float, Meta(description=f"{MIN_SPEED} to {MAX_SPEED}")] | None = None
    stream_format: Literal["audio", "sse"] | None = None
    language: Language | None = None
    seed: Seed | None = None

    @property
    def format(self) -> str:
        """Of the audio."""
        assert self.response_format is None or self.response_format in LIVE_FORMATS
        return self.response_format or "mp3"

    @property
    def voice_name(self) -> str | None:
        """What the client calls the voice, if it names one."""
        return self.voice.id if isinstance(self.voice, VoiceRef) else self.voice

    @property
    def model_id(self) -> str | None:
        """The id of a model of this engine, if the client names one."""
        return None if not self.model or is_stock_model(self.model) else self.model

    def job(self, voice: Voice) -> Request:
        """As the use cases take it. Raises `InvalidRequest`."""
        speed = 1.0 if self.speed is None else self.speed
        if not MIN_SPEED <= speed <= MAX_SPEED:
            raise wrong("speed", f"this engine takes {MIN_SPEED} to {MAX_SPEED} (OpenAI's own takes 0.25 to 4.0)")
        return Request(
            lane=Lane.SPEAK,
            voice=voice.id,
            text=self.input,
            language=self.language or "",
            settings=Settings(rate=speed, instruct=(self.instructions or "").strip()),
            seed=self.seed,
        )


def is_stock_model(name: str) -> bool:
    """Whether it is one of OpenAI's own models."""
    return any(name == known or name.startswith(f"{known}-20") for known in STOCK_MODELS) or name in (
        "tts-1-1106",
        "tts-1-hd-1106",
    )
