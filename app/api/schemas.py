"""Requests and answers of the HTTP API, as the seed and the design spell them. Shapes only."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta, Struct, field

from app.events import ErrorBody, Progress
from app.store.rows import Artifact, ChunkRow, Job, Settings, Voice

#: Enough for the longest novels; a body may be larger only for reference audio.
MOST_CHARS = 5_000_000

Factor = Annotated[float, Meta(ge=0.5, le=2.0)]
Volume = Annotated[float, Meta(ge=0.0, le=2.0)]
#: Python's `$` also matches before a line feed at the end; nothing may follow it.
Language = Annotated[str, Meta(max_length=35, pattern=r"^[A-Za-z0-9-]*$(?!\n)", description="BCP 47, or auto")]
#: Whole numbers that JavaScript keeps exactly.
Seed = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Tag = Annotated[str, Meta(min_length=1, max_length=64)]


class _Body(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What clients send: a field that is not known is a mistake that should be heard of."""


class Chunking(_Body, frozen=True):
    """How the text is cut."""

    max_chars: Annotated[int, Meta(ge=100, le=2000)] = 400


class SpeechSettings(_Body, frozen=True):
    """Factors; 1.0 is the voice as it is."""

    rate: Factor = 1.0
    pitch: Factor = 1.0
    volume: Volume = 1.0
    chunking: Chunking = field(default_factory=Chunking)

    def plain(self) -> Settings:
        """As the store keeps them."""
        return Settings(self.rate, self.pitch, self.volume, self.chunking.max_chars)


class SpeakRequest(_Body, frozen=True):
    """Start speaking to a listener."""

    voice_id: UUID
    text: Annotated[str, Meta(max_length=MOST_CHARS)]
    language: Language | None = None
    settings: SpeechSettings = field(default_factory=SpeechSettings)
    seed: Seed | None = None


class SpeakStarted(Struct, frozen=True):
    """Where the audio can be heard."""

    job_id: str
    ws_url: str


class CancelRequest(_Body, frozen=True):
    """Which job to cancel."""

    job_id: UUID


class Canceled(Struct, frozen=True):
    """True when the job is canceled now; false when it had ended before."""

    canceled: bool


class SubmitRequest(_Body, frozen=True):
    """Render text into a file."""

    voice_id: UUID
    text: Annotated[str, Meta(max_length=MOST_CHARS)]
    language: Language | None = None
    settings: SpeechSettings = field(default_factory=SpeechSettings)
    seed: Seed | None = None
    formats: Annotated[list[Literal["wav"]], Meta(min_length=1, max_length=8)] = field(
        default_factory=lambda: ["wav"]
    )
    title: Annotated[str, Meta(max_length=200)] | None = None
    tags: Annotated[list[Tag], Meta(max_length=16)] = field(default_factory=list[Tag])


class RefAudio(_Body, frozen=True):
    """A recording of the voice: a file on this machine, or the bytes of a WAV file as base64."""

    path: Annotated[str, Meta(min_length=1, max_length=4096)] | None = None
    wav_base64: Annotated[str, Meta(min_length=1)] | None = None


class CloneOptions(_Body, frozen=True):
    """How the recording is prepared."""

    normalize_audio: bool = True


class CloneRequest(_Body, frozen=True):
    """Make a voice from a recording."""

    display_name: Annotated[str, Meta(min_length=1, max_length=200)]
    ref_audio: RefAudio
    ref_text: Annotated[str, Meta(max_length=4000)] | None = None
    language: Language | None = None
    options: CloneOptions = field(default_factory=CloneOptions)


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

    @classmethod
    def of(cls, voice: Voice) -> "VoiceView":
        """From its row."""
        kind: Any = voice.kind
        return cls(
            voice_id=voice.id,
            display_name=voice.display_name,
            created_at=when(voice.created_at),
            tts_model_id=voice.model_id,
            language_hint=voice.language_hint,
            kind=kind,
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
        lane: Any = job.lane
        status: Any = job.status.value
        settings = job.settings
        return cls(
            job_id=job.id,
            lane=lane,
            status=status,
            progress=progress,
            voice_id=job.voice_id,
            model_id=job.model_id,
            language=job.language,
            settings=SpeechSettings(
                rate=settings.rate,
                pitch=settings.pitch,
                volume=settings.volume,
                chunking=Chunking(max_chars=settings.max_chars),
            ),
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
    """Newest first. `next_cursor` asks for the jobs behind these; null at the end."""

    jobs: list[JobView]
    next_cursor: str | None


class ChunkView(Struct, frozen=True, kw_only=True):
    """A stretch of the text that is spoken in one go, and where it is in the audio."""

    chunk_index: int
    start_char: int
    end_char: int
    boundary: Literal["word", "clause", "sentence", "paragraph", "heading"]
    state: Literal["pending", "done"]
    attempts: int
    seed: int | None
    finish_reason: str | None
    start_seconds: float | None
    end_seconds: float | None

    @classmethod
    def of(cls, chunk: ChunkRow, sample_rate: int) -> "ChunkView":
        """From its row."""
        boundary: Any = chunk.boundary
        state: Any = chunk.state
        start, end = chunk.start_sample, chunk.end_sample
        return cls(
            chunk_index=chunk.chunk_index,
            start_char=chunk.start_char,
            end_char=chunk.end_char,
            boundary=boundary,
            state=state,
            attempts=chunk.attempts,
            seed=chunk.seed,
            finish_reason=chunk.finish_reason,
            start_seconds=None if start is None else start / sample_rate,
            end_seconds=None if end is None else end / sample_rate,
        )


class ChunkList(Struct, frozen=True):
    """In the order of the text. `next_start` asks for the chunks behind these; null at the end."""

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
    """What the active model can do."""

    supports_voice_clone: bool
    supports_audio_chunk_stream: bool
    supports_true_streaming_inference: bool
    languages: list[str]


class Health(Struct, frozen=True):
    """The engine, as it is now."""

    engine_version: str
    active_model_id: str
    device: str
    capabilities: Capabilities
    jobs_queued: int
    jobs_running: int
    worker_running: bool


def when(microseconds: int) -> datetime:
    """A time of the store, for JSON."""
    return datetime.fromtimestamp(microseconds / 1e6, tz=UTC)
