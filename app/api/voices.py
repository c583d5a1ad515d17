"""`/v1/voices`."""

from typing import Literal
from uuid import UUID

from litestar import Controller, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from app.api.schemas import CloneRequest
from app.api.views import Cloned, Deleted, VoiceList, VoiceView, when
from app.errors import InvalidAudio
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

    @post("/clone", operation_id="cloneVoice", status_code=200)
    async def clone(self, data: JSONBody[CloneRequest], speech: NamedDependency[Speech]) -> Cloned:
        """Make a voice from a recording of 1 to 30 seconds and what is said in it."""
        audio = data.ref_audio
        if (audio.path is None) == (audio.wav_base64 is None):
            raise InvalidAudio("ref_audio takes either path or wav_base64")
        voice = await speech.clone(
            display_name=data.display_name,
            path=audio.path,
            wav_base64=audio.wav_base64,
            transcript=data.ref_text,
            language=data.language,
        )
        return Cloned(voice.id, voice.display_name, when(voice.created_at), voice.model_id)

    @delete("/{voice_id:uuid}", operation_id="deleteVoice", status_code=200)
    async def forget(self, voice_id: FromPath[UUID], speech: NamedDependency[Speech]) -> Deleted:
        """Delete a voice that was made here, with its files. Its jobs keep their history and their audio."""
        await speech.delete_voice(str(voice_id))
        return Deleted(True)
