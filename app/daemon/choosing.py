"""Which voice speaks when a client names one loosely, or none, and in which language. It knows nothing of jobs."""

import re

from app.daemon.engine import DaemonContext
from app.errors import InvalidRequest, ModelNotReady, VoiceNotFound
from app.inference.languages import AUTO, NAMES, language_distance, tag_of
from app.inference.model import VoiceKind
from app.models.spec import ModelSpec
from app.store.rows import Voice
from app.usecases.voice_names import voices_named

#: What is spoken when nobody says anything else.
LANGUAGE = "English"

#: How a voice sounds that is made from a description when nobody gives one.
DESCRIPTION = "A clear, calm voice."

#: As much of a description as is a name.
NAME_CHARS = 60

#: How many voices of one name are listed.
MAX_NAMED = 5

_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")

_LISTED_BY = "list them with: q3tts voices"


def language_tag(said: str) -> str:
    """A language as BCP 47 tag, or "auto": of "German", "de-AT". Raises `InvalidRequest`."""
    tag = tag_of(said) or (AUTO if said.lower() == AUTO else said)
    if tag != AUTO and _TAG.fullmatch(tag) is None:
        why = f"{said!r:.50} is not a language; use one of {', '.join(NAMES)}, a BCP 47 tag such as de-AT, or auto"
        raise InvalidRequest(f"language: {why}", fields=[{"field": "language", "message": why}])
    return tag


async def named_voice(engine: DaemonContext, said: str) -> Voice:
    """The one voice that `said` means. Raises `VoiceNotFound` if there is none, `InvalidRequest` if there are
    several.
    """
    await engine.parts.models.refresh()  # presets come with their model
    every = await engine.parts.stores.voices.list()
    found = voices_named(every, said, active_model_id=engine.parts.registry.active_id)
    if not found:
        raise VoiceNotFound(f"there is no voice {said!r:.80}; {_LISTED_BY}")
    if len(found) > 1:
        ids = ", ".join(f"{voice.id} ({voice.model_id})" for voice in found[:MAX_NAMED])
        why = f"{len(found)} voices are meant by {said!r:.80}; give the id of one, such as {ids}; {_LISTED_BY}"
        raise InvalidRequest(why, fields=[{"field": "voice", "message": why}])
    return found[0]


async def active_models_voice(engine: DaemonContext, language: str, description: str) -> Voice:
    """The voice with which the active model speaks a language. It is made, by a model that makes voices from
    descriptions, when there is no such voice yet. Raises `ModelNotReady`, `InvalidRequest`.
    """
    await engine.parts.models.refresh()
    entry = engine.parts.registry.active
    model_id, hint = entry.card.model_id, None if language == AUTO else language
    if entry.card.supports_design:
        return await _designed(engine, model_id, hint, description or DESCRIPTION)
    presets = await engine.parts.stores.voices.list(kind=VoiceKind.PRESET, model_id=model_id)
    if presets:
        return _speaking(entry, presets, hint)
    if not entry.card.supports_clone:  # espeak-ng, in a build that was made without it
        raise ModelNotReady(
            f"this build of q3tts has no voices of {model_id}; activate another model: q3tts models",
            model_id=model_id,
        )
    clones = await engine.parts.stores.voices.list(kind=VoiceKind.CLONE, model_id=model_id)
    if not clones:
        raise ModelNotReady(
            f"the model {model_id} speaks with voices from recordings, and there is none; "
            "make a voice first: q3tts clone FILE",
            model_id=model_id,
        )
    return clones[0]


async def _designed(engine: DaemonContext, model_id: str, hint: str | None, description: str) -> Voice:
    async with engine.designing:
        for voice in await engine.parts.stores.voices.list(kind=VoiceKind.DESIGN, model_id=model_id):
            if voice.description == description and voice.language_hint == hint:
                return voice
        name = description if len(description) <= NAME_CHARS else f"{description[: NAME_CHARS - 1]}…"
        return await engine.parts.voices.design(display_name=name, description=description, language=hint)


def _speaking(entry: ModelSpec, presets: list[Voice], hint: str | None) -> Voice:
    """The first one whose own language it is; else the first one that can speak it."""
    wanted = hint or language_tag(LANGUAGE)
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
    return min(able, key=lambda voice: language_distance(voice.language_hint or "", wanted))
