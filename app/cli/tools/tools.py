"""What a language model can do with the engine. A tool's docstring is what the model reads of it.

All run in the server's event loop, and ask the engine in threads. A call that its client cancels cancels its job.
"""

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar
from uuid import UUID, uuid4

import anyio
import click
from anyio.abc import TaskGroup
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from app.audio.export.formats import WAV, format_of
from app.cli.engine import EngineClient
from app.cli.finding import Fields, query
from app.cli.saving import check, save
from app.cli.speaking import given
from app.cli.tools.engine import EngineOnCall
from app.cli.tools.shapes import (
    EngineFacts,
    Instruct,
    JobFacts,
    LanguageName,
    Rate,
    Rendered,
    Spoken,
    VoiceName,
    VoicePage,
    job_facts,
    voice_facts,
)
from app.cli.wording import for_people
from app.daemon.client import ask
from app.errors import SpeechError
from app.store.rows import FINAL, JobStatus

#: A client gives up a call after about a minute. A file that takes longer is made in the background.
PATIENCE_S = 45.0

#: How often a job is looked at, in seconds.
FIRST_LOOK_S, MAX_LOOK_S = 0.05, 1.0

#: As `q3tts render` takes back a job.
WITHDRAWALS, WITHDRAWAL_S = 5, 0.1

#: How many voices and jobs an answer has: a model reads all of it.
MAX_VOICES, MAX_JOBS = 50, 10

AnyContext: TypeAlias = Context[Any, Any]
Answer = TypeVar("Answer")


class Tools:
    """The four tools."""

    def __init__(self, calls: EngineOnCall, background: TaskGroup, *, patience_s: float = PATIENCE_S) -> None:
        self._calls, self._background, self._patience_s = calls, background, patience_s

    async def speak(
        self,
        text: Annotated[str, Field(description="What to say.")],
        voice: VoiceName = None,
        language: LanguageName = None,
        rate: Rate = None,
        instruct: Instruct = None,
    ) -> Spoken:
        """Speak a text aloud on the speakers of the user's machine. Answers when all of it was heard."""
        job_id = str(uuid4())
        fields = given(voice=voice, language=language, rate=rate, instruct=instruct)
        request = {"action": "generate", "text": text, "job_id": job_id, **fields}
        async with self._canceled_with(job_id):
            answer = await self._ask(lambda engine: ask(engine.socket_path, request))
        if answer["status"] != "ok":
            raise ToolError(for_people(answer["message"]))
        return {"job_id": job_id, "audio_seconds": answer["audio_seconds"]}

    async def render(
        self,
        ctx: AnyContext,
        text: Annotated[str, Field(description="What the file says.")],
        path: Annotated[
            str,
            Field(description="The file to write: an absolute path, ending in .wav, .mp3, .opus, .m4a or .flac."),
        ],
        voice: VoiceName = None,
        language: LanguageName = None,
        rate: Rate = None,
        instruct: Instruct = None,
        title: Annotated[str | None, Field(description="What the job is called in the history.")] = None,
    ) -> Rendered:
        """Make an audio file of a text. Answers when the file is written. For a long text it answers sooner, and
        the file comes when the job is completed: ask `status` with its job_id. A file that exists is not replaced.
        """
        target = _target(path)
        job_id = str(uuid4())
        settings = given(rate=rate, instruct=instruct)
        named = given(voice=voice, language=language, title=title or target.stem)
        body = {"text": text, "settings": settings, "formats": [_format(target)], **named}
        async with self._canceled_with(job_id):
            job = await self._ask(lambda engine: engine.put(f"/jobs/{job_id}", body))
            with anyio.move_on_after(self._patience_s) as patience:
                job = await self._ended(job_id, ctx)
        if patience.cancelled_caught:
            self._background.start_soon(self._saved_later, job_id, target)
            job = await self._ask(lambda engine: engine.get(f"/jobs/{job_id}"))
        else:
            await self._save(job, target)
        return {"job": job_facts(job), "path": str(target), "is_written": not patience.cancelled_caught}

    async def status(
        self, job_id: Annotated[str | None, Field(description="A job; else the latest ones.")] = None
    ) -> EngineFacts:
        """What the speech engine is doing, and how far its jobs are; or one job. `done` goes from 0 to 1."""
        return await self._ask(lambda engine: _status(engine, job_id))

    async def voices(
        self,
        language: Annotated[
            str | None, Field(description="Of this language: Dutch, nl; en finds en-GB too.")
        ] = None,
        model: Annotated[str | None, Field(description="Of this model.")] = None,
        kind: Annotated[str | None, Field(description="preset, clone (of a recording) or design.")] = None,
    ) -> VoicePage:
        """List the voices: those that the user has made first, then the models' own."""
        filters = query(language=language, model_id=model, kind=kind)
        found: list[Fields] = (await self._ask(lambda engine: engine.get(f"/voices?{filters}")))["voices"]
        shown = [voice_facts(voice) for voice in found[:MAX_VOICES]]
        return {"voices": shown, "more": len(found) - len(shown)}

    async def _ask(self, question: Callable[[EngineClient], Answer]) -> Answer:
        """The engine's answer. Raises `ToolError`, which the model reads."""

        def asked() -> Answer:
            with self._calls.engine() as engine:
                return question(engine)

        with _explained():
            return await anyio.to_thread.run_sync(asked, abandon_on_cancel=True)

    @asynccontextmanager
    async def _canceled_with(self, job_id: str) -> AsyncGenerator[None]:
        """Cancel the job if the block is canceled."""
        try:
            yield
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await self._withdraw(job_id)
            raise

    async def _withdraw(self, job_id: str) -> None:
        """A job that was being submitted may appear a moment later."""
        for _ in range(WITHDRAWALS):
            try:
                await self._ask(lambda engine: engine.post("/cancel", {"job_id": job_id}))
            except ToolError:
                await anyio.sleep(WITHDRAWAL_S)
            else:
                return

    async def _ended(self, job_id: str, ctx: AnyContext | None = None) -> Fields:
        """The job, when it is final; how far it is goes to the client."""
        pause = FIRST_LOOK_S
        while True:
            job = await self._ask(lambda engine: engine.get(f"/jobs/{job_id}"))
            if ctx is not None:
                await ctx.report_progress(job_facts(job)["done"], 1.0)
            if job["status"] in FINAL:
                return job
            await anyio.sleep(pause)
            pause = min(1.5 * pause, MAX_LOOK_S)

    async def _save(self, job: Fields, target: Path) -> None:
        if job["status"] != JobStatus.COMPLETED:
            error = job["error"]
            raise ToolError(f"the job is {job['status']}" if error is None else for_people(error["message"]))
        await self._ask(
            lambda engine: save(engine, f"/jobs/{job['job_id']}/audio?format={_format(target)}", target)
        )

    async def _saved_later(self, job_id: str, target: Path) -> None:
        with suppress(ToolError):  # `status` says what has become of the job
            await self._save(await self._ended(job_id), target)


def _target(path: str) -> Path:
    """Where the file goes. Raises `ToolError`."""
    target = Path(path).expanduser()
    if not target.is_absolute():
        raise ToolError(f"{path} is not an absolute path; give one such as {Path.home() / 'speech.wav'}")
    if target.exists():
        raise ToolError(f"{target} exists and is left as it is; name another file")
    with _explained():
        check(target)
    return target


def _format(target: Path) -> str:
    return format_of(target) or WAV


def _status(engine: EngineClient, job_id: str | None) -> EngineFacts:
    health = engine.get("/health")
    page = [engine.get(f"/jobs/{_checked(job_id)}")] if job_id else engine.get(f"/jobs?limit={MAX_JOBS}")["jobs"]
    jobs: list[JobFacts] = [job_facts(job) for job in page]
    return {
        "engine_version": health["engine_version"],
        "active_model": health["active_model_id"],
        "runs_as_daemon": not engine.own,
        "jobs_queued": health["jobs_queued"],
        "jobs_running": health["jobs_running"],
        "jobs": jobs,
    }


def _checked(job_id: str) -> UUID:
    """Raises `ToolError`: any other word would be another path, which answers with something else."""
    try:
        return UUID(job_id)
    except ValueError:
        raise ToolError(f"{job_id!r:.80} is not a job_id; `render` and `status` say which there are") from None


@contextmanager
def _explained() -> Generator[None]:
    """What fails becomes an error that the model reads."""
    try:
        yield
    except SpeechError as error:
        raise ToolError(for_people(error.message)) from error
    except click.ClickException as error:
        raise ToolError(error.message) from error
