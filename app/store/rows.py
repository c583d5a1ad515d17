"""What the store hands out: a job, a chunk, an artifact, a voice. Plain values, without a connection."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from app.errors import ErrorBody
from app.inference.model import Lane, TextLayout, VoiceKind

Kind = TypeVar("Kind", bound=Struct)


class JobStatus(StrEnum):
    """The state of a job. Comments say what moves it on."""

    QUEUED = "queued"  #: the scheduler claims it
    RUNNING = "running"  #: its chunks are being spoken; the scheduler finishes it
    PAUSED = "paused"  #: a client paused it; `resume` queues it again
    COMPLETED = "completed"  #: all of its text is in its audio
    FAILED = "failed"  #: `error` says why; `retry` queues it again, with the chunks it has
    CANCELED = "canceled"  #: somebody asked for it; the audio so far is kept


FINAL = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELED})
UNFINISHED = frozenset(JobStatus) - FINAL


class Settings(Struct, frozen=True, omit_defaults=True):
    """How a job is spoken. Factors are 1.0 for the voice as it is; None leaves a choice to the model."""

    rate: float = 1.0
    pitch: float = 1.0
    volume: float = 1.0
    max_chars: int = 400
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    repetition_penalty: float | None = None
    text_layout: TextLayout = "before"  #: all text before the codes, or beside them
    max_seconds: float | None = None  #: the most audio of one chunk
    instruct: str = ""
    allow_gaps: bool = False  #: a chunk that cannot be spoken is left out instead of failing the job


class EncoderSettings(Struct, frozen=True):
    """How a file of one format is encoded."""

    sample_rate: int
    bit_rate: int | None = None  #: bits per second; None where there is none to choose


class Webhook(Struct, frozen=True, kw_only=True):
    """A receiver of the message that a job has ended, and the secret to sign it with."""

    url: str
    secret: str

    def __repr__(self) -> str:
        """Without the secret, and without the address, which may hold one."""
        return "Webhook(...)"


class NewJob(Struct, frozen=True, kw_only=True):
    """A job as it is submitted. `request_sha256` tells whether a repeated id or key means the same."""

    id: str
    lane: Lane
    voice_id: str
    model_id: str
    language: str
    settings: Settings
    formats: list[str]
    encoding: dict[str, EncoderSettings] = {}
    seed: int
    text: str
    chunks_total: int | None = None  #: 0 if the text is still being written: its chunks are planned as they come
    title: str | None = None
    tags: list[str] = []
    idempotency_key: str | None = None
    request_sha256: str
    notify: Webhook | None = None


class Kept(Struct, frozen=True):
    """How much the history holds."""

    jobs: int
    samples: int


class Job(Struct, frozen=True, kw_only=True):
    """A job's row. Times are microseconds since 1970 in UTC; audio is counted in samples at 24 kHz."""

    seq: int
    id: str
    lane: Lane
    status: JobStatus
    voice_id: str
    model_id: str
    language: str
    settings: Settings
    formats: list[str]
    encoding: dict[str, EncoderSettings] = {}
    seed: int
    title: str | None
    tags: list[str]
    characters: int
    chunks_total: int | None
    chunks_done: int
    characters_done: int
    samples: int
    last_seq: int
    work_us: int
    created_at: int
    started_at: int | None
    finished_at: int | None
    error: ErrorBody | None
    warnings: list[dict[str, Any]]
    request_sha256: str
    refused_takes: int = 0

    @property
    def final(self) -> bool:
        """Nothing will change any more, unless somebody retries it."""
        return self.status in FINAL


class ChunkState(StrEnum):
    """Where a chunk is."""

    PENDING = "pending"  #: to be spoken, or spoken again
    DONE = "done"  #: its take is in the job's audio
    GAP = "gap"  #: it could not be spoken, and the caller allows that


class ChunkRow(Struct, frozen=True, kw_only=True):
    """A chunk of a job's plan and, once it is `done`, where its take lies in the job's audio."""

    chunk_index: int
    start_char: int
    end_char: int
    boundary: str
    state: ChunkState = ChunkState.PENDING
    attempts: int = 0
    seed: int | None = None
    finish_reason: str | None = None
    start_sample: int | None = None  #: of a chunk that is not done: after what is left of refused takes
    end_sample: int | None = None
    last_seq: int | None = None
    silence: int | None = None  #: samples at the end of the audio up to here that cannot be heard, volume aside
    pause: int | None = None  #: samples of silence due before the next sound; None before the first


class ChunkRefused(Struct, frozen=True):
    """What is kept of a chunk whose take was refused: where the next one begins, and how the audio ends there."""

    chunk_index: int
    attempts: int
    start_sample: int
    silence: int
    pause: int | None


class ChunkDone(Struct, frozen=True, kw_only=True):
    """What is known of a chunk once its take is in the log and synced."""

    chunk_index: int
    attempts: int
    seed: int
    finish_reason: str
    start_sample: int
    end_sample: int
    last_seq: int
    silence: int
    pause: int | None
    state: ChunkState = ChunkState.DONE


class Artifact(Struct, frozen=True, kw_only=True):
    """A file made from a finished log, in the job's folder."""

    format: str
    file_name: str
    bytes: int
    samples: int


class Voice(Struct, frozen=True, kw_only=True):
    """A speaker. `name` is the model's own name of a preset."""

    id: str
    kind: VoiceKind
    display_name: str
    model_id: str
    name: str
    language_hint: str | None
    transcript: str | None = None
    created_at: int
    description: str | None = None  #: of a design


class JobMark(Struct, frozen=True):
    """What decides whether a job is deleted, and what comes free then."""

    seq: int
    id: str
    status: str
    samples: int
    encoded_bytes: int  #: of its files beside the WAV file, which is the log
    created_at: int
    finished_at: int | None

    @property
    def final(self) -> bool:
        """Nothing will change any more, unless somebody retries it."""
        return self.status in FINAL

    @property
    def bytes(self) -> int:
        """What its audio takes on the disk."""
        return 2 * self.samples + self.encoded_bytes


class HistoryFilter(Struct, frozen=True, kw_only=True):
    """Which jobs a page of history shows. Everything that is set must hold."""

    status: tuple[str, ...] = ()
    lane: Lane | None = None
    voice_id: str | None = None
    model_id: str | None = None
    tag: str | None = None
    text: str | None = None
    created_from: int | None = None  #: microseconds, inclusive
    created_before: int | None = None  #: microseconds, exclusive


class Changes(Struct, frozen=True, kw_only=True):
    """Columns that go along with a change of state; unset ones stay as they are."""

    error: ErrorBody | UnsetType | None = UNSET
    finished_at: int | UnsetType | None = UNSET


def struct_of(kind: type[Kind], row: Sequence[Any]) -> Kind:
    """The value in a row whose columns are the struct's fields, in their order."""
    return msgspec.convert(dict(zip(kind.__struct_fields__, row, strict=True)), kind)
