"""Made by generate.py from the engine's OpenAPI document. Do not edit."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict


class Chunking(TypedDict):
    max_chars: NotRequired[int]


class CloneOptions(TypedDict):
    normalize_audio: NotRequired[bool]


class FormatOptions(TypedDict):
    bit_rate: NotRequired[int | None]
    sample_rate: NotRequired[int | None]


class FormatsOptions(TypedDict):
    flac: NotRequired[FormatOptions | None]
    mp3: NotRequired[FormatOptions | None]
    opus: NotRequired[FormatOptions | None]
    m4a: NotRequired[FormatOptions | None]


class Notify(TypedDict):
    url: str
    secret: str


class SpeechSettings(TypedDict):
    rate: NotRequired[float]
    pitch: NotRequired[float]
    volume: NotRequired[float]
    chunking: NotRequired[Chunking]
    temperature: NotRequired[float | None]
    top_k: NotRequired[int | None]
    top_p: NotRequired[float | None]
    repetition_penalty: NotRequired[float | None]
    text_layout: NotRequired[Literal["before", "beside"]]
    max_seconds: NotRequired[float | None]
    instruct: NotRequired[str]
    allow_gaps: NotRequired[bool]


class RefAudio(TypedDict):
    path: NotRequired[str | None]
    wav_base64: NotRequired[str | None]


class SpeakArguments(TypedDict):
    voice_id: NotRequired[str | None]
    voice: NotRequired[str | None]
    model: NotRequired[str | None]
    language: NotRequired[str | None]
    settings: NotRequired[SpeechSettings]
    seed: NotRequired[int | None]


class SubmitArguments(TypedDict):
    voice_id: NotRequired[str | None]
    voice: NotRequired[str | None]
    model: NotRequired[str | None]
    language: NotRequired[str | None]
    settings: NotRequired[SpeechSettings]
    seed: NotRequired[int | None]
    formats: NotRequired[list[Literal["wav", "flac", "mp3", "opus", "m4a"]]]
    encoding: NotRequired[FormatsOptions | None]
    title: NotRequired[str | None]
    tags: NotRequired[list[str]]
    notify: NotRequired[Notify | None]


class CloneArguments(TypedDict):
    ref_text: NotRequired[str | None]
    language: NotRequired[str | None]
    options: NotRequired[CloneOptions]


class TranscribeArguments(TypedDict):
    language: NotRequired[str | None]


class DesignArguments(TypedDict):
    language: NotRequired[str | None]


class PruneArguments(TypedDict):
    keep_days: NotRequired[float | None]
    keep_jobs: NotRequired[int | None]
    keep_bytes: NotRequired[int | None]
    dry_run: NotRequired[bool]


class StatsFilter(TypedDict):
    by: NotRequired[list[Literal["day", "model", "voice", "lane"]] | None]
    first_day: NotRequired[str | None]
    last_day: NotRequired[str | None]
    lane: NotRequired[Literal["speak", "render"] | None]
    voice_id: NotRequired[str | None]
    voice: NotRequired[str | None]
    model_id: NotRequired[str | None]


class ExportFilter(TypedDict):
    status: NotRequired[list[Literal["queued", "running", "paused", "completed", "failed", "canceled"]] | None]
    lane: NotRequired[Literal["speak", "render"] | None]
    voice_id: NotRequired[str | None]
    voice: NotRequired[str | None]
    model_id: NotRequired[str | None]
    tag: NotRequired[str | None]
    text: NotRequired[str | None]
    created_from: NotRequired[str | None]
    created_before: NotRequired[str | None]


class JobFilter(TypedDict):
    status: NotRequired[list[Literal["queued", "running", "paused", "completed", "failed", "canceled"]] | None]
    lane: NotRequired[Literal["speak", "render"] | None]
    voice_id: NotRequired[str | None]
    voice: NotRequired[str | None]
    model_id: NotRequired[str | None]
    tag: NotRequired[str | None]
    text: NotRequired[str | None]
    created_from: NotRequired[str | None]
    created_before: NotRequired[str | None]
    cursor: NotRequired[str | None]
    limit: NotRequired[int]


class DeletionFilter(TypedDict):
    status: NotRequired[list[Literal["queued", "running", "paused", "completed", "failed", "canceled"]] | None]
    lane: NotRequired[Literal["speak", "render"] | None]
    voice_id: NotRequired[str | None]
    voice: NotRequired[str | None]
    model_id: NotRequired[str | None]
    tag: NotRequired[str | None]
    text: NotRequired[str | None]
    created_from: NotRequired[str | None]
    created_before: NotRequired[str | None]
    all: NotRequired[bool]


class ChunkFilter(TypedDict):
    start: NotRequired[int]
    limit: NotRequired[int]


class VoiceFilter(TypedDict):
    kind: NotRequired[Literal["preset", "clone", "design"] | None]
    model_id: NotRequired[str | None]
    language: NotRequired[str | None]
    named: NotRequired[str | None]
