"""Answers about jobs, made from the store's rows."""

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

from app.api.schemas import SpeechSettings
from app.api.views.shared import JobStatusWord, LaneWord, when
from app.errors import ErrorBody
from app.events import Progress
from app.store.rows import Artifact, ChunkRow, Job
from app.text.chunking import Boundary


class SpeakStarted(Struct, frozen=True):
    """Where the audio can be heard."""

    job_id: str
    voice_id: str
    ws_url: str


class Canceled(Struct, frozen=True):
    """True when the job is canceled now; false when it had ended before."""

    canceled: bool


class EncodingView(Struct, frozen=True):
    """How a file is encoded. `bit_rate` is in bits per second, and null for a format without one to choose."""

    sample_rate: int
    bit_rate: int | None


class JobView(Struct, frozen=True, kw_only=True):
    """A job."""

    job_id: str
    lane: LaneWord
    status: JobStatusWord
    progress: Progress
    voice_id: str
    model_id: str
    language: str
    settings: SpeechSettings
    formats: list[str]
    encoding: dict[str, EncodingView]
    seed: int
    title: str | None
    tags: list[str]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: ErrorBody | None
    warnings: list[dict[str, Any]]
    ws_url: str

    @classmethod
    def of(cls, job: Job, progress: Progress, ws_url: str) -> "JobView":
        """From its row."""
        return cls(
            job_id=job.id,
            lane=job.lane.value,
            status=job.status.value,
            progress=progress,
            voice_id=job.voice_id,
            model_id=job.model_id,
            language=job.language,
            settings=SpeechSettings.of(job.settings),
            formats=job.formats,
            encoding={name: EncodingView(how.sample_rate, how.bit_rate) for name, how in job.encoding.items()},
            seed=job.seed,
            title=job.title,
            tags=job.tags,
            created_at=when(job.created_at),
            started_at=None if job.started_at is None else when(job.started_at),
            finished_at=None if job.finished_at is None else when(job.finished_at),
            error=job.error,
            warnings=job.warnings,
            ws_url=ws_url,
        )


class JobPage(Struct, frozen=True):
    """Newest first. `next_cursor` asks for the jobs after these; null at the end."""

    jobs: list[JobView]
    next_cursor: str | None


class ChunkView(Struct, frozen=True, kw_only=True):
    """A stretch of the text that is spoken in one go, and where it is in the audio."""

    chunk_index: int
    start_char: int
    end_char: int
    boundary: Literal["word", "clause", "sentence", "item", "paragraph", "heading"]
    state: Literal["pending", "done", "gap"]
    attempts: int
    seed: int | None
    finish_reason: str | None
    start_seconds: float | None
    end_seconds: float | None

    @classmethod
    def of(cls, chunk: ChunkRow, sample_rate: int) -> "ChunkView":
        """From its row."""
        start, end = chunk.start_sample, chunk.end_sample
        return cls(
            chunk_index=chunk.chunk_index,
            start_char=chunk.start_char,
            end_char=chunk.end_char,
            boundary=Boundary(chunk.boundary).value,
            state=chunk.state.value,
            attempts=chunk.attempts,
            seed=chunk.seed,
            finish_reason=chunk.finish_reason,
            start_seconds=None if start is None or end is None else start / sample_rate,
            end_seconds=None if end is None else end / sample_rate,
        )


class ChunkList(Struct, frozen=True):
    """In the order of the text. `next_start` asks for the chunks after these; null at the end."""

    chunks: list[ChunkView]
    next_start: int | None


class ArtifactView(Struct, frozen=True):
    """A file made from the job's audio."""

    format: str
    bytes: int
    seconds: float
    url: str

    @classmethod
    def of(cls, artifact: Artifact, job_id: str, sample_rate: int) -> "ArtifactView":
        """From its row."""
        url = f"/v1/jobs/{job_id}/audio?format={artifact.format}"
        return cls(artifact.format, artifact.bytes, artifact.samples / sample_rate, url)


class AudioLink(Struct, frozen=True):
    """Where a job's audio can be heard without the token, and until when one can begin to."""

    url: str
    expires_at: datetime


class ArtifactList(Struct, frozen=True):
    """The job's files."""

    artifacts: list[ArtifactView]
