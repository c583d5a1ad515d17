"""Answers of the HTTP API, made from the store's rows. Shapes only."""

from datetime import UTC, datetime
from typing import Any, Literal

from msgspec import Struct

from app.api.schemas import SpeechSettings
from app.events import ErrorBody, Progress
from app.inference.model import ModelCard
from app.models.downloads import Download
from app.models.registry import Listed
from app.store.rows import Artifact, ChunkRow, Job, Voice
from app.text.chunking import Boundary


class SpeakStarted(Struct, frozen=True):
    """Where the audio can be heard."""

    job_id: str
    ws_url: str


class Canceled(Struct, frozen=True):
    """True when the job is canceled now; false when it had ended before."""

    canceled: bool


class Cloned(Struct, frozen=True):
    """The voice that was made."""

    voice_id: str
    display_name: str
    created_at: datetime
    tts_model_id: str


class VoiceView(Struct, frozen=True, kw_only=True):
    """A voice."""

    voice_id: str
    display_name: str
    created_at: datetime
    tts_model_id: str
    language_hint: str | None
    kind: Literal["preset", "clone", "design"]
    ref_text: str | None
    description: str | None

    @classmethod
    def of(cls, voice: Voice) -> "VoiceView":
        """From its row."""
        return cls(
            voice_id=voice.id,
            display_name=voice.display_name,
            created_at=when(voice.created_at),
            tts_model_id=voice.model_id,
            language_hint=voice.language_hint,
            kind=voice.kind.value,
            ref_text=voice.transcript,
            description=voice.description,
        )


class VoiceList(Struct, frozen=True):
    """Voices that were made here first, then the presets."""

    voices: list[VoiceView]


class Deleted(Struct, frozen=True):
    """It is gone."""

    deleted: bool


class JobView(Struct, frozen=True, kw_only=True):
    """A job."""

    job_id: str
    lane: Literal["speak", "render"]
    status: Literal["queued", "running", "paused", "completed", "failed", "canceled"]
    progress: Progress
    voice_id: str
    model_id: str
    language: str
    settings: SpeechSettings
    formats: list[str]
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
            seed=job.seed,
            title=job.title,
            tags=job.tags,
            created_at=when(job.created_at),
            started_at=None if job.started_at is None else when(job.started_at),
            finished_at=None if job.finished_at is None else when(job.finished_at),
            error=None if job.error is None else ErrorBody(**job.error),
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


class ArtifactList(Struct, frozen=True):
    """The job's files."""

    artifacts: list[ArtifactView]


class Capabilities(Struct, frozen=True):
    """What a model can do."""

    supports_voice_clone: bool
    supports_voice_design: bool
    supports_instruct: bool
    supports_transcription: bool
    supports_audio_chunk_stream: bool
    supports_true_streaming_inference: bool
    languages: list[str]


class Heard(Struct, frozen=True):
    """What is said in a recording."""

    text: str
    language: str | None


class DownloadView(Struct, frozen=True, kw_only=True):
    """How far a download is, or how the last one failed."""

    state: Literal["downloading", "failed", "canceled", "done"]
    bytes_done: int
    bytes_total: int | None
    bytes_per_second: float | None
    seconds_left: float | None
    error: ErrorBody | None


class ModelView(Struct, frozen=True, kw_only=True):
    """A model, as it is now."""

    model_id: str
    display_name: str
    state: Literal["absent", "downloading", "installed", "loading", "active", "broken"]
    task: Literal["tts", "stt"]
    loaded: bool
    repository: str | None
    revision: str | None
    bytes: int | None
    capabilities: Capabilities | None
    download: DownloadView | None
    reason: str | None

    @classmethod
    def of(cls, listed: Listed) -> "ModelView":
        """From what the engine knows of it."""
        published = listed.published
        return cls(
            model_id=listed.model_id,
            display_name=listed.display_name,
            state=listed.state.value,
            task=listed.task.value,
            loaded=listed.loaded,
            repository=published.repository if published else None,
            revision=published.revision if published else None,
            bytes=listed.bytes,
            capabilities=None if listed.entry is None else capabilities_of(listed.entry.card),
            download=None if listed.download is None else _download_of(listed.download),
            reason=listed.reason or None,
        )


class ModelList(Struct, frozen=True):
    """What is built in, what is on this machine, then what could be downloaded."""

    models: list[ModelView]


def capabilities_of(card: ModelCard, *, transcribes: bool = False) -> Capabilities:
    """From a model's card; `transcribes` when there is another model for that."""
    return Capabilities(
        supports_voice_clone=card.supports_clone,
        supports_voice_design=card.supports_design,
        supports_instruct=card.supports_instruct,
        supports_transcription=transcribes,
        supports_audio_chunk_stream=True,
        supports_true_streaming_inference=card.streams,
        languages=[*card.languages, "auto"],
    )


def _download_of(download: Download) -> DownloadView:
    error = download.error
    return DownloadView(
        state=download.state,
        bytes_done=download.bytes_done,
        bytes_total=download.bytes_total,
        bytes_per_second=download.bytes_per_second,
        seconds_left=download.seconds_left,
        error=None if error is None else ErrorBody(error[0], error[1], {}),
    )


class EngineWarning(Struct, frozen=True):
    """Something that works badly on this machine, and what to do about it."""

    code: Literal["SLOW_PROCESSOR"]
    message: str


class Health(Struct, frozen=True, kw_only=True):
    """The engine, as it is now. `blas` and `gflops` are there once MLX has loaded a model on a CPU."""

    engine_version: str
    active_model_id: str
    device: str
    blas: str | None
    gflops: float | None
    warnings: list[EngineWarning]
    capabilities: Capabilities
    jobs_queued: int
    jobs_running: int
    worker_running: bool


def when(microseconds: int) -> datetime:
    """A time of the store, for JSON."""
    return datetime.fromtimestamp(microseconds / 1e6, tz=UTC)
