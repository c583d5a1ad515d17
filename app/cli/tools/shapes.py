"""What the tools of a language model take and answer with. A schema is made of it, which the model reads."""

from typing import Annotated, TypeAlias

from pydantic import Field
from typing_extensions import TypedDict

from app.cli.finding import Fields
from app.cli.watching import share_done

VoiceName: TypeAlias = Annotated[
    str | None,
    Field(
        description="A voice's name, its id, or the beginning of its id; see the tool `voices`. Else a usual one."
    ),
]
LanguageName: TypeAlias = Annotated[
    str | None,
    Field(
        description="The text's language, by name or BCP 47 tag: Dutch, nl-BE. Else the voice's own, or English."
    ),
]
Rate: TypeAlias = Annotated[float | None, Field(ge=0.5, le=2.0, description="How fast to speak; 1.0 is usual.")]
Instruct: TypeAlias = Annotated[
    str | None, Field(description='How to speak, such as "in a whisper", if the model takes instructions.')
]


class Spoken(TypedDict):
    """What was heard."""

    job_id: str
    audio_seconds: float


class JobFacts(TypedDict):
    """A job, in short."""

    job_id: str
    status: str
    lane: str
    title: str | None
    done: float
    audio_seconds: float
    seconds_left: float | None
    error: str | None


class Rendered(TypedDict):
    """A job that makes a file, and whether the file is there."""

    job: JobFacts
    path: str
    is_written: bool


class EngineFacts(TypedDict):
    """An engine, and what it is doing; of a job that was asked for, that one alone."""

    engine_version: str
    active_model: str
    runs_as_daemon: bool
    jobs_queued: int
    jobs_running: int
    jobs: list[JobFacts]


class VoiceFacts(TypedDict):
    """A voice, in short."""

    voice_id: str
    name: str
    language: str | None
    kind: str
    model: str


class VoicePage(TypedDict):
    """Voices, and how many there are beside them."""

    voices: list[VoiceFacts]
    more: int


def job_facts(job: Fields) -> JobFacts:
    """Of a job as the engine shows it."""
    progress, error = job["progress"], job["error"]
    return {
        "job_id": job["job_id"],
        "status": job["status"],
        "lane": job["lane"],
        "title": job["title"],
        "done": round(share_done(job), 3),
        "audio_seconds": progress["audio_seconds"],
        "seconds_left": progress["seconds_left"],
        "error": None if error is None else f"{error['code']}: {error['message']}",
    }


def voice_facts(voice: Fields) -> VoiceFacts:
    """Of a voice as the engine shows it."""
    return {
        "voice_id": voice["voice_id"],
        "name": voice["display_name"],
        "language": voice["language_hint"],
        "kind": voice["kind"],
        "model": voice["tts_model_id"],
    }
