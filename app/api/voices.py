"""`/v1/voices`."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, HeaderParameter, JSONBody

from app.api.links import AnyRequest
from app.api.ranges import sent
from app.api.schemas import CloneRequest, DesignRequest, RefAudio, RenameRequest, TranscribeRequest
from app.api.views.shared import Deleted, VoiceKindWord, when
from app.api.views.voices import Cloned, Heard, VoiceList, VoiceView
from app.errors import InvalidAudio
from app.inference.languages import language_tag
from app.inference.model import VoiceKind
from app.models.registry import ModelRegistry
from app.store.rows import Voice
from app.store.stores import Stores
from app.usecases.models import Models
from app.usecases.voice_names import voices_named
from app.usecases.voices import Voices


class VoiceController(Controller):
    """Voices."""

    path = "/voices"
    tags = ["voices"]  # noqa: RUF012 - Litestar's own attribute
    # A `summary` is given where the OpenAPI document has had another word than the method.

    @get(operation_id="listVoices", summary="Every")
    async def list_voices(
        self,
        models: NamedDependency[Models],
        registry: NamedDependency[ModelRegistry],
        stores: NamedDependency[Stores],
        kind: FromQuery[VoiceKindWord | None] = None,
        model_id: FromQuery[str | None] = None,
        language: FromQuery[str | None] = None,
        named: FromQuery[str | None] = None,
    ) -> VoiceList:
        """Voices that were made here, newest first, then the presets. `language=en`, or English, finds `en-GB` too;
        `named` is what people type for a voice: its id, its name, or the beginning of its id.
        """
        await models.refresh()  # presets come with their model
        found = await stores.voices.list(
            kind=None if kind is None else VoiceKind(kind),
            model_id=model_id,
            language=None if language is None else language_tag(language),
        )
        if named is not None:
            found = voices_named(found, named, active_model_id=registry.active_id)
        return VoiceList([VoiceView.of(voice) for voice in found])

    @get("/{voice_id:uuid}", operation_id="getVoice", summary="One")
    async def get_voice(self, voice_id: FromPath[UUID], stores: NamedDependency[Stores]) -> VoiceView:
        """One voice."""
        return VoiceView.of(await stores.voices.get(str(voice_id)))

    @get("/{voice_id:uuid}/preview", operation_id="previewVoice")
    async def preview(
        self,
        voice_id: FromPath[UUID],
        voices: NamedDependency[Voices],
        request: AnyRequest,
        range: Annotated[str | None, HeaderParameter(name="Range")] = None,
        if_range: Annotated[str | None, HeaderParameter(name="If-Range")] = None,
        if_none_match: Annotated[str | None, HeaderParameter(name="If-None-Match")] = None,
    ) -> Response[Any]:
        """A short WAV file in the voice, spoken the first time it is asked for."""

        async def content() -> Any:
            return await voices.preview(str(voice_id))

        return await sent(
            request,
            content,
            name=str(voice_id),
            range=range,
            if_range=if_range,
            if_none_match=if_none_match,
        )

    @post("/clone", operation_id="cloneVoice", status_code=200)
    async def clone(self, data: JSONBody[CloneRequest], voices: NamedDependency[Voices]) -> Cloned:
        """Make a voice from a recording of 1 to 30 seconds and what is said in it."""
        path, wav_base64 = _source(data.ref_audio)
        voice = await voices.clone(
            display_name=data.display_name,
            path=path,
            wav_base64=wav_base64,
            transcript=data.ref_text,
            language=data.language,
            normalize=data.options.normalize_audio,
        )
        return _made(voice)

    @post("/clone/transcribe", operation_id="transcribeRecording", status_code=200)
    async def transcribe(self, data: JSONBody[TranscribeRequest], voices: NamedDependency[Voices]) -> Heard:
        """What is said in a recording, by the active speech-to-text model."""
        path, wav_base64 = _source(data.ref_audio)
        heard = await voices.transcribe(path=path, wav_base64=wav_base64, language=data.language)
        return Heard(heard.text, heard.language or None)

    @post("/design", operation_id="designVoice", status_code=200)
    async def design(self, data: JSONBody[DesignRequest], voices: NamedDependency[Voices]) -> Cloned:
        """Make a voice from a description, such as "an old man with a deep, warm voice"."""
        voice = await voices.design(
            display_name=data.display_name, description=data.description, language=data.language
        )
        return _made(voice)

    @patch("/{voice_id:uuid}", operation_id="renameVoice", summary="Rename")
    async def rename(
        self, voice_id: FromPath[UUID], data: JSONBody[RenameRequest], voices: NamedDependency[Voices]
    ) -> VoiceView:
        """Give a voice that was made here another name. Its id and its sound stay as they are."""
        return VoiceView.of(await voices.rename(str(voice_id), data.display_name))

    @delete("/{voice_id:uuid}", operation_id="deleteVoice", summary="Forget", status_code=200)
    async def delete_voice(self, voice_id: FromPath[UUID], voices: NamedDependency[Voices]) -> Deleted:
        """Delete a voice that was made here, with its files. Its jobs keep their history and their audio; those
        that still need it fail.
        """
        await voices.delete(str(voice_id))
        return Deleted(True)


def _source(audio: RefAudio) -> tuple[str | None, str | None]:
    if (audio.path is None) == (audio.wav_base64 is None):
        raise InvalidAudio.about("ref_audio", "ref_audio takes either path or wav_base64")
    return audio.path, audio.wav_base64


def _made(voice: Voice) -> Cloned:
    return Cloned(voice.id, voice.display_name, when(voice.created_at), voice.model_id)
