"""`/v1/voices`."""

from typing import Literal
from uuid import UUID

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from app.api.schemas import VoiceList, VoiceView
from app.speech import Speech


class VoiceController(Controller):
    """Voices."""

    path = "/voices"
    tags = ["voices"]  # noqa: RUF012 - Litestar's own attribute

    @get(operation_id="listVoices")
    async def every(
        self,
        speech: NamedDependency[Speech],
        kind: FromQuery[Literal["preset", "clone", "design"] | None] = None,
        model_id: FromQuery[str | None] = None,
        language: FromQuery[str | None] = None,
    ) -> VoiceList:
        """Voices that were made here, newest first, then the presets. `language=en` finds `en-GB` too."""
        voices = await speech.voices.list(kind=kind, model_id=model_id, language=language)
        return VoiceList([VoiceView.of(voice) for voice in voices])

    @get("/{voice_id:uuid}", operation_id="getVoice")
    async def one(self, voice_id: FromPath[UUID], speech: NamedDependency[Speech]) -> VoiceView:
        """One voice."""
        return VoiceView.of(await speech.voices.get(str(voice_id)))
