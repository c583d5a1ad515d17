"""Made by generate.py from the engine's OpenAPI document. Do not edit."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from msgspec import Struct


class Artifact(Struct, kw_only=True):
    format: str
    bytes: int
    seconds: float
    url: str


class ArtifactList(Struct, kw_only=True):
    artifacts: list[Artifact]


class AudioLink(Struct, kw_only=True):
    url: str
    expires_at: datetime


class Canceled(Struct, kw_only=True):
    canceled: bool


class Capabilities(Struct, kw_only=True):
    supports_voice_clone: bool
    supports_voice_design: bool
    supports_instruct: bool
    supports_transcription: bool
    supports_audio_chunk_stream: bool
    supports_true_streaming_inference: bool
    languages: list[str]


class Chunk(Struct, kw_only=True):
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


class ChunkList(Struct, kw_only=True):
    chunks: list[Chunk]
    next_start: int | None


class Chunking(Struct, kw_only=True):
    max_chars: int


class Deleted(Struct, kw_only=True):
    deleted: bool


class Encoding(Struct, kw_only=True):
    sample_rate: int
    bit_rate: int | None


class EngineWarning(Struct, kw_only=True):
    code: Literal["SLOW_PROCESSOR"]
    message: str


class ErrorBody(Struct, kw_only=True):
    code: str
    message: str
    details: dict[str, Any]


class Health(Struct, kw_only=True):
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


class JobGroup(Struct, kw_only=True):
    jobs: int
    completed: int
    failed: int
    canceled: int
    characters: int
    audio_seconds: float
    work_seconds: float
    refused_takes: int
    day: date | None
    model_id: str | None
    voice_id: str | None
    lane: Literal["speak", "render"] | None


class JobSums(Struct, kw_only=True):
    jobs: int
    completed: int
    failed: int
    canceled: int
    characters: int
    audio_seconds: float
    work_seconds: float
    refused_takes: int


class JobsDeleted(Struct, kw_only=True):
    jobs: int
    unfinished: int
    audio_seconds: float
    deleted: bool


class JobsPruned(Struct, kw_only=True):
    jobs: int
    bytes: int
    in_use: int
    deleted: bool


class NewVoice(Struct, kw_only=True):
    voice_id: str
    display_name: str
    created_at: datetime
    tts_model_id: str


class OpenAIModel(Struct, kw_only=True):
    id: str
    owned_by: str
    created: int
    object: Literal["model"]


class Problem(Struct, kw_only=True):
    error: ErrorBody


class Progress(Struct, kw_only=True):
    chunks_done: int
    chunks_total: int | None
    characters_done: int
    characters_total: int
    audio_seconds: float
    work_seconds: float
    real_time_factor: float | None
    seconds_left: float | None
    queue_position: int | None


class Skipped(Struct, kw_only=True):
    name: str
    reason: str


class SpeakStarted(Struct, kw_only=True):
    job_id: str
    voice_id: str
    ws_url: str


class SpeechSettings(Struct, kw_only=True):
    rate: float
    pitch: float
    volume: float
    chunking: Chunking
    temperature: float | None
    top_k: int | None
    top_p: float | None
    repetition_penalty: float | None
    text_layout: Literal["before", "beside"]
    max_seconds: float | None
    instruct: str
    allow_gaps: bool


class SpeechVoice(Struct, kw_only=True):
    id: str
    name: str
    model: str
    language: str | None


class SpeechVoiceList(Struct, kw_only=True):
    voices: list[SpeechVoice]


class Transcript(Struct, kw_only=True):
    text: str
    language: str | None


class Voice(Struct, kw_only=True):
    voice_id: str
    display_name: str
    created_at: datetime
    tts_model_id: str
    language_hint: str | None
    kind: Literal["preset", "clone", "design"]
    ref_text: str | None
    description: str | None


class VoiceList(Struct, kw_only=True):
    voices: list[Voice]


class Download(Struct, kw_only=True):
    state: Literal["downloading", "failed", "canceled", "done"]
    bytes_done: int
    bytes_total: int | None
    bytes_per_second: float | None
    seconds_left: float | None
    error: ErrorBody | None


class Job(Struct, kw_only=True):
    job_id: str
    lane: Literal["speak", "render"]
    status: Literal["queued", "running", "paused", "completed", "failed", "canceled"]
    progress: Progress
    voice_id: str
    model_id: str
    language: str
    settings: SpeechSettings
    formats: list[str]
    encoding: dict[str, Encoding]
    seed: int
    title: str | None
    tags: list[str]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: ErrorBody | None
    warnings: list[dict[str, Any]]
    ws_url: str


class JobPage(Struct, kw_only=True):
    jobs: list[Job]
    next_cursor: str | None


class JobStats(Struct, kw_only=True):
    total: JobSums
    groups: list[JobGroup]


class Model(Struct, kw_only=True):
    model_id: str
    display_name: str
    state: Literal["absent", "downloading", "installed", "loading", "active", "broken"]
    task: Literal["tts", "stt"]
    loaded: bool
    repository: str | None
    revision: str | None
    bytes: int | None
    capabilities: Capabilities | None
    download: Download | None
    reason: str | None


class ModelList(Struct, kw_only=True):
    models: list[Model]
    skipped: list[Skipped]
    data: list[OpenAIModel]
    object: Literal["list"]


class CheckedModel(Struct, kw_only=True):
    model: Model
    files_checked: int
