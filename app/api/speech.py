"""`/v1/audio`: speech as OpenAI's clients ask for it. A request is a job of the lane `speak` like any other."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, HeaderParameter, JSONBody

from app import SAMPLE_RATE
from app.api.links import AnyRequest
from app.api.live import LiveBody, LiveResponse
from app.api.openai_errors import openai_problem
from app.api.openai_requests import CreateSpeechRequest, is_stock_model
from app.api.problems import status_of
from app.api.views.openai import SpeechDelta, SpeechDone, SpeechUsage, SpeechVoice, SpeechVoiceList
from app.audio.export.formats import FORMATS
from app.errors import SpeechError
from app.models.registry import ModelRegistry
from app.store.stores import Stores
from app.usecases.jobs import Jobs
from app.usecases.json_input import read_json
from app.usecases.listened_jobs import ListenedJobs
from app.usecases.live_audio import LiveAudio
from app.usecases.models import Models
from app.usecases.voice_chooser import VoiceChooser

#: Of `usage`: what a frame of Qwen3-TTS has.
FRAME_SAMPLES = SAMPLE_RATE * 80 // 1000

IGNORED = "X-Ignored-Fields"


@post("/audio/speech", operation_id="createSpeech", tags=["openai"], status_code=200)
async def create_speech(
    data: JSONBody[CreateSpeechRequest],
    chooser: NamedDependency[VoiceChooser],
    jobs: NamedDependency[Jobs],
    listened: NamedDependency[ListenedJobs],
    live_audio: NamedDependency[LiveAudio],
    request: AnyRequest,
    idempotency_key: Annotated[
        str | None, HeaderParameter(name="Idempotency-Key", min_length=1, max_length=255)
    ] = None,
) -> Response[Any]:
    """Speak a text, and send the audio as it is made, in OpenAI's shape. The client that closes the connection
    cancels the job. The status is sent with the first sound; what fails after it breaks the connection off.
    """
    voice = await chooser.familiar(data.voice_name, data.language or "", data.model_id)
    asked = data.job(voice)

    @asynccontextmanager
    async def body() -> AsyncGenerator[LiveBody]:
        async with (
            listened.spoken(asked, idempotency_key=idempotency_key) as job_id,
            live_audio.follow(job_id, data.format) as pieces,
        ):
            # OpenAI's clients show the first of these headers with what they return.
            headers = {"X-Request-Id": job_id, "Content-Location": f"/v1/jobs/{job_id}/audio"}
            yield LiveBody(_events(pieces, jobs, job_id) if data.stream_format == "sse" else pieces, headers)

    kind = "text/event-stream" if data.stream_format == "sse" else FORMATS[data.format].media_type
    return LiveResponse(body, media_type=kind, headers=_ignored(await request.body()))


@get("/audio/voices", operation_id="listSpeechVoices", tags=["openai"])
async def list_speech_voices(
    models: NamedDependency[Models],
    registry: NamedDependency[ModelRegistry],
    stores: NamedDependency[Stores],
    model: FromQuery[str | None] = None,
) -> SpeechVoiceList:
    """All voices, or those of a model, by the ids and names that `voice` of a request takes; those of the active
    model first.
    """
    await models.refresh()
    model_id = None if model is None or is_stock_model(model) else registry.get(model).model_id
    voices = await stores.voices.list(model_id=model_id)
    voices.sort(key=lambda voice: voice.model_id != registry.active_id)
    return SpeechVoiceList([SpeechVoice.of(voice) for voice in voices])


def _ignored(body: bytes) -> dict[str, str]:
    """The header that names the fields that mean nothing here: programs send those of other servers too."""
    given = read_json(body, dict[str, msgspec.Raw], what="the body")
    unknown = sorted(set(given) - set(CreateSpeechRequest.__struct_fields__))
    plain = [name for name in unknown if name.isascii() and name.isidentifier()]
    return {IGNORED: ", ".join(plain)[:1000]} if plain else {}


async def _events(pieces: AsyncGenerator[bytes], jobs: Jobs, job_id: str) -> AsyncGenerator[bytes]:
    """The same audio as server-sent events; a failure after the first one is an event as well."""
    begun = False
    try:
        async for piece in pieces:
            yield _event(SpeechDelta(piece))
            begun = True
    except SpeechError as error:
        if begun:
            yield b"event: error\n" + _event(openai_problem(status_of(error), error.body()))
        raise
    job = await jobs.get(job_id)
    frames = -(-job.samples // FRAME_SAMPLES)
    yield _event(SpeechDone(SpeechUsage(job.characters, frames, job.characters + frames)))


def _event(data: msgspec.Struct) -> bytes:
    return b"data: " + msgspec.json.encode(data) + b"\n\n"
