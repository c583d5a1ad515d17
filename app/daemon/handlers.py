"""What the daemon does when it is asked. This file is read again before each request when the engine runs from its
source, so an edit is in force at once: how a request is understood, what is played, what is saved and answered.

It does not know sockets; it gets an object and gives one back. What it raises becomes an answer.
"""

import asyncio
import os
import re
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from pathlib import Path
from textwrap import shorten
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID, uuid4

import msgspec
from msgspec import Meta, Struct

from app import SAMPLE_RATE, __version__
from app.audio.export.formats import WAV
from app.daemon.engine import DaemonContext
from app.daemon.output import checked_output, save
from app.daemon.protocol import failed
from app.errors import EngineRestarted, ErrorBody, IdempotencyConflict, InvalidRequest, JobNotFound, SpeechError
from app.events import FINAL, AudioChunk, FinalEvent, JobCanceled, JobError, JobProgress
from app.inference.languages import language_tag
from app.inference.model import Lane, VoiceKind
from app.process.waiting import wait_uncancelled
from app.store.rows import JobStatus, Settings
from app.usecases.fields import refusal
from app.usecases.jobs import MAX_TEXT_CHARS, NO_AUDIO, Request, speakable

ACTIONS = ("generate", "link", "stop", "status", "shutdown")

#: What is spoken when nobody says anything else.
LANGUAGE = "English"

#: How many characters of a text are its title in the history.
TITLE_CHARS = 60

#: JSON can express it, but it is not text, nor can it be in a file's name.
_HALF_A_PAIR = re.compile("[\ud800-\udfff]")

Fields = TypeVar("Fields", bound=Struct)


class Generate(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Speak text: to the speakers, into a file, or both."""

    action: Literal["generate"] = "generate"
    text: Annotated[str, Meta(max_length=MAX_TEXT_CHARS)]
    language: str | None = None  #: English, or the language of the voice that is named
    instruct: Annotated[str, Meta(max_length=1000)] | None = None
    output: str | None = None  #: whose ending decides the format; null for the speakers alone
    voice: str | None = None  #: an id or a name; null for the active model's
    model: str | None = None  #: whose voice it should be: an id, a repository, or a folder
    play: bool | None = None  #: null: unless there is an output
    rate: Annotated[float, Meta(ge=0.5, le=2.0)] = 1.0
    pitch: Annotated[float, Meta(ge=0.5, le=2.0)] = 1.0
    volume: Annotated[float, Meta(ge=0.0, le=2.0)] = 1.0
    seed: Annotated[int, Meta(ge=0, le=2**53 - 1)] | None = None
    job_id: UUID | None = None  #: of the client's choice, to watch the job over HTTP; null for one of the engine's


class Link(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Take the model in a folder from elsewhere into the models folder, by a link."""

    action: Literal["link"]
    folder: Annotated[str, Meta(pattern="^/[^\\0]*$")]


class Bare(Struct, frozen=True, forbid_unknown_fields=True):
    """A request with nothing but its action."""

    action: str


class _Silence(Exception):
    """The job was canceled; no more audio follows."""


async def handle(engine: DaemonContext, request: dict[str, Any]) -> dict[str, Any]:
    """The answer to a request. Raises `SpeechError`; canceled when the client goes, or the engine stops."""
    match request.get("action", "generate"):
        case "generate":
            return await generate(engine, _fields(request, Generate))
        case "link":
            path = Path(_fields(request, Link).folder)
            return {"status": "ok", "model_id": (await engine.parts.models.link(path)).model_id}
        case "status":
            _fields(request, Bare)
            return await status(engine)
        case "stop" | "shutdown":
            _fields(request, Bare)
            engine.stop()
            return {"status": "ok"}
        case other:
            raise InvalidRequest.about(
                "action", f"there is no action {other!r:.80}; there are {', '.join(ACTIONS)}"
            )


def _fields(request: dict[str, Any], kind: type[Fields]) -> Fields:
    try:
        fields = msgspec.convert(request, kind)
    except msgspec.ValidationError as error:
        raise refusal(error, kind) from error
    for name, value in request.items():
        if isinstance(value, str) and (half := _HALF_A_PAIR.search(value)):
            why = f"there is half of a surrogate pair at character {half.start()}; send whole characters"
            raise InvalidRequest.about(name, f"{name}: {why}")
    return fields


async def status(engine: DaemonContext) -> dict[str, Any]:
    """What runs here, and what it is doing."""
    config = engine.config
    kept = await engine.parts.stores.jobs.kept()
    counts, at_work = await engine.parts.stores.jobs.counts(), await engine.parts.stores.jobs.at_work()
    return {
        "status": "ok",
        "kind": config.kind,
        "pid": os.getpid(),
        "version": __version__,
        "url": engine.url,
        "data_dir": str(config.data_dir),
        "token_file": None if config.token_file is None else str(config.token_file),
        "model": engine.parts.registry.active_id,
        "speaking": at_work.get(Lane.SPEAK, 0),
        "rendering": at_work.get(Lane.RENDER, 0),
        "queued": counts[JobStatus.QUEUED],
        "jobs_kept": kept.jobs,
        "audio_seconds_kept": round(kept.samples / SAMPLE_RATE, 3),
        "warnings": [warning] if (warning := engine.parts.registry.processor.warning) else [],
        "uptime_s": round(time.monotonic() - engine.started, 3),
    }


async def generate(engine: DaemonContext, wanted: Generate) -> dict[str, Any]:
    """Speak text, and answer when it has been heard and saved."""
    play = wanted.output is None if wanted.play is None else wanted.play
    # Whatever can be wrong is found before a voice or a job is made.
    speakable(wanted.text)
    tag = language_tag(LANGUAGE if wanted.language is None else wanted.language)
    path, format = None, WAV
    if wanted.output is not None:
        path, format = await asyncio.to_thread(checked_output, wanted.output)
    if play:
        await engine.speakers.check()
    job_id = await _new_id(engine, wanted.job_id)
    request = await _request(engine, wanted, tag, Lane.SPEAK if play else Lane.RENDER, format)
    if not play:
        return await _made(engine, job_id, request, path, play=False)
    async with engine.aloud:
        return await _made(engine, job_id, request, path, play=True)


async def _new_id(engine: DaemonContext, chosen: UUID | None) -> str:
    """The id of a job that is not there yet: a client that goes away cancels its own job, and no other."""
    if chosen is None:
        return str(uuid4())
    with suppress(JobNotFound):
        await engine.parts.stores.jobs.get(str(chosen))
        raise IdempotencyConflict(f"there is a job {chosen} already; choose another job_id")
    return str(chosen)


async def _made(
    engine: DaemonContext, job_id: str, request: Request, path: Path | None, *, play: bool
) -> dict[str, Any]:
    """Have a job made, heard and saved: the answer. It is canceled with this."""
    try:
        await engine.parts.jobs.submit(request, job_id=job_id)
        last, underruns = await _spoken(engine, job_id, play=play)
        if isinstance(last, JobError):
            return failed(last.error)
        if isinstance(last, JobCanceled):
            return failed(ErrorBody("JOB_CANCELED", "somebody canceled the job", {"job_id": job_id}))
        job = await engine.parts.stores.jobs.get(job_id)
        if path is not None:
            audio = await engine.parts.jobs.audio(job_id, format=None, partial=False)
            await asyncio.to_thread(save, audio, path, umask=engine.config.umask)
    except BaseException:
        await wait_uncancelled(_ended(engine, job_id))
        raise
    return {
        "status": "ok",
        "job_id": job_id,
        "audio_seconds": round(job.samples / SAMPLE_RATE, 3),
        "underruns": underruns,
        "output": None if path is None else str(path),
    }


async def _request(engine: DaemonContext, wanted: Generate, tag: str, lane: Lane, format: str) -> Request:
    """The job, once its voice is known."""
    instruct = (wanted.instruct or "").strip()
    model = wanted.model
    if model is not None and model.startswith("/"):
        model = (await engine.parts.models.link(Path(model))).model_id
    if wanted.voice is not None:
        voice = await engine.parts.chooser.named(wanted.voice, model)
    else:
        voice = await engine.parts.chooser.usual(tag, instruct, model)
        if voice.kind is VoiceKind.DESIGN:
            instruct = ""  # it is how the voice sounds
    if wanted.language is None and voice.language_hint:
        tag = ""  # which is the voice's own
    return Request(
        lane=lane,
        voice=voice.id,
        text=wanted.text,
        language=tag,
        settings=Settings(instruct=instruct, rate=wanted.rate, pitch=wanted.pitch, volume=wanted.volume),
        seed=wanted.seed,
        formats=(format,),
        title=shorten(wanted.text, TITLE_CHARS, placeholder="…"),
    )


async def _spoken(engine: DaemonContext, job_id: str, *, play: bool) -> tuple[FinalEvent, int]:
    """Wait for the job's end, playing it meanwhile: its last event, and how often there was nothing to play."""
    last: FinalEvent | None = None
    underruns = 0

    async def pcm() -> AsyncGenerator[bytes]:
        nonlocal last
        async for event in events:
            if isinstance(event, AudioChunk):
                yield event.audio.data_base64
                # The speakers want the next one: the model need not be kept further ahead of them than it is.
                engine.parts.jobs.report_playhead(job_id, event.text_range.end_char)
            elif isinstance(event, JobProgress):
                # After all of its audio: what has no sound, such as a long line of dots, is heard as well.
                engine.parts.jobs.report_playhead(job_id, event.progress.characters_done)
            elif isinstance(event, FINAL):
                last = event
                if isinstance(event, JobCanceled):
                    raise _Silence

    after_seq = 0 if play else NO_AUDIO
    async with (
        engine.parts.jobs.follow(job_id, after_seq=after_seq, backpressure=play) as events,
        aclosing(pcm()) as audio,
    ):
        with suppress(_Silence):
            if play:
                underruns = (await engine.speakers.play(audio)).underruns
            else:
                async for _ in audio:
                    pass
    if last is None:
        await engine.parts.stores.jobs.get(job_id)  # it may have been deleted
        raise EngineRestarted("the engine was stopped before this was done")
    return last, underruns


async def _ended(engine: DaemonContext, job_id: str) -> None:
    """Nobody waits for the job any more. One that has ended stays as it is; perhaps there is none yet."""
    with suppress(SpeechError):
        await engine.parts.scheduler.cancel(job_id)
