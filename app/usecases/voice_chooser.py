"""Which voice speaks when a client names one loosely, or none. All interfaces ask this one object."""

import asyncio

from app.errors import InvalidRequest, ModelNotReady, VoiceNotFound, perhaps
from app.inference.languages import AUTO, language_distance, language_tag
from app.inference.model import VoiceKind
from app.models.registry import ModelRegistry
from app.models.spec import ModelSpec
from app.store.rows import Voice
from app.store.voices import VoiceStore
from app.usecases.models import Models
from app.usecases.stock_voices import is_stock_voice, stock_voice
from app.usecases.voice_names import is_voice_id, voices_named
from app.usecases.voices import Voices

#: The language of somebody who says nothing about it, if the model has voices of it.
USUAL_LANGUAGE = "en"

#: How a voice sounds that is made from a description when nobody gives one.
DESCRIPTION = "A clear, calm voice."

#: The part of a description that becomes the voice's name.
NAME_CHARS = 60

#: How many voices of one name are listed.
MAX_NAMED = 5

_LISTED_BY = "list them with q3tts voices, or GET /v1/voices"


class VoiceChooser:
    """Belongs to the event loop."""

    def __init__(self, *, models: Models, registry: ModelRegistry, store: VoiceStore, voices: Voices) -> None:
        self._models, self._registry = models, registry
        self._store, self._voices = store, voices
        self._designing = asyncio.Lock()  #: one voice is made at a time, so that the next one finds it

    async def named(self, said: str, model: str | None = None) -> Voice:
        """The one voice that `said` means, of `model` if that is given: an id, a name, or the beginning of an id.

        Raises `VoiceNotFound` if there is none, `InvalidRequest` if there are several, `ModelNotFound`.
        """
        await self._models.refresh()  # presets come with their model
        model_id = None if model is None else self._registry.get(model).model_id
        voices = await self._store.list(model_id=model_id)
        found = voices_named(voices, said, active_model_id=self._registry.active_id)
        if not found:
            of_model = "" if model_id is None else f" of the model {model_id}"
            near = perhaps(said, (voice.display_name for voice in voices))
            raise VoiceNotFound(f"there is no voice {said!r:.80}{of_model}{near}; {_LISTED_BY}")
        if len(found) > 1:
            ids = ", ".join(f"{voice.id} ({voice.model_id})" for voice in found[:MAX_NAMED])
            why = f"{len(found)} voices are meant by {said!r:.80}; give the id of one, such as {ids}; {_LISTED_BY}"
            raise InvalidRequest.about("voice", why)
        return found[0]

    async def familiar(self, said: str | None, language: str, model: str | None) -> Voice:
        """The voice that a client of OpenAI's means: one of ours, else one of a model's presets by OpenAI's names,
        else the usual one. Without a model that of the voice counts, else the active one.

        Raises `VoiceNotFound`, `ModelNotFound`, `ModelNotReady`, `InvalidRequest`.
        """
        if said is not None and model is None and is_voice_id(said):
            return await self._store.get(said)
        await self._models.refresh()
        entry = self._registry.active if model is None else self._registry.get(model).usable
        if said is None:
            return await self.usual(language, "", model)
        try:
            return await self.named(said, model)
        except VoiceNotFound:
            if not is_stock_voice(said):
                raise
        presets = await self._store.list(kind=VoiceKind.PRESET, model_id=entry.card.model_id)
        if entry.card.supports_design or not presets:
            return await self.usual(language, "", model)
        wanted = language_tag(language)
        return stock_voice(said, presets, USUAL_LANGUAGE if wanted in ("", AUTO) else wanted)

    async def usual(self, language: str, description: str, model: str | None = None) -> Voice:
        """The voice with which a model, by its id or repository, speaks a language; without a model the active one,
        without a language English if it can. It is made, by a model that makes voices from descriptions, when there
        is no such voice yet.

        Raises `ModelNotReady`, `InvalidRequest`, `ModelNotFound`.
        """
        await self._models.refresh()
        entry = self._registry.active if model is None else self._registry.get(model).usable
        model_id, hint = entry.card.model_id, None if language in ("", AUTO) else language
        if entry.card.supports_design:
            return await self._designed(model_id, hint, description or DESCRIPTION)
        presets = await self._store.list(kind=VoiceKind.PRESET, model_id=model_id)
        if presets:
            return _speaking(entry, presets, hint)
        if not entry.card.supports_clone:  # espeak-ng, in a build that was made without it
            raise ModelNotReady(
                f"this build of q3tts has no voices of {model_id}; activate another model: q3tts models",
                model_id=model_id,
            )
        clones = await self._store.list(kind=VoiceKind.CLONE, model_id=model_id)
        if not clones:
            raise ModelNotReady(
                f"the model {model_id} speaks with voices from recordings, and there is none; "
                "make a voice first: q3tts clone FILE",
                model_id=model_id,
            )
        return clones[0]

    async def _designed(self, model_id: str, hint: str | None, description: str) -> Voice:
        async with self._designing:
            for voice in await self._store.list(kind=VoiceKind.DESIGN, model_id=model_id):
                if voice.description == description and voice.language_hint == hint:
                    return voice
            name = description if len(description) <= NAME_CHARS else f"{description[: NAME_CHARS - 1]}…"
            return await self._voices.design(
                display_name=name, description=description, language=hint, model_id=model_id
            )


def _speaking(entry: ModelSpec, presets: list[Voice], hint: str | None) -> Voice:
    """The first one whose own language it is; else the first one that can speak it."""
    able: list[Voice] = []
    refused: InvalidRequest | None = None
    for voice in presets:
        try:
            entry.check_language(voice.name, hint or "")
            able.append(voice)
        except InvalidRequest as error:
            refused = refused or error
    if not able:
        assert refused is not None
        raise refused
    return min(able, key=lambda voice: language_distance(voice.language_hint or "", hint or USUAL_LANGUAGE))
