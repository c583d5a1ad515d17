"""What subscribers receive. One vocabulary for every interface; names and shapes are part of the API.

`AUDIO_CHUNK` carries a job's audio, numbered 1, 2, 3 …; the number and the bytes of a chunk are the same whenever
it is sent. `JOB_DONE`, `JOB_CANCELED` and `JOB_ERROR` are the last event of a job, and come after its row and its
file are in place.
"""

import struct

import msgspec
from msgspec import Struct

from app import SAMPLE_RATE
from app.errors import ErrorBody


class _Event(Struct, frozen=True, tag_field="type", kw_only=True):
    job_id: str


class JobStarted(_Event, frozen=True, tag="JOB_STARTED"):
    """The first chunk is about to be spoken."""


class AudioData(Struct, frozen=True):
    """Signed 16-bit little-endian PCM; in JSON as base64."""

    data_base64: bytes
    format: str = "pcm_s16le"
    sample_rate: int = SAMPLE_RATE
    channels: int = 1


class TextRange(Struct, frozen=True):
    """The chunk of the text that is being spoken, in code points, half open."""

    chunk_index: int
    start_char: int
    end_char: int


class AudioChunk(_Event, frozen=True, tag="AUDIO_CHUNK"):
    """The next stretch of audio."""

    seq: int
    audio: AudioData
    text_range: TextRange


class Progress(Struct, frozen=True, kw_only=True):
    """How far a job is. Counts of what is spoken and on disk."""

    chunks_done: int
    chunks_total: int | None  #: null until the text has been cut
    characters_done: int
    characters_total: int
    audio_seconds: float
    work_seconds: float  #: since it was begun, turns of other jobs included; without pauses and the queue
    real_time_factor: float | None  #: work_seconds / audio_seconds: below 1 is faster than it plays
    seconds_left: float | None  #: estimated from the characters that are left
    queue_position: int | None = None  #: 1 is next; null unless the job is queued


class JobProgress(_Event, frozen=True, tag="JOB_PROGRESS"):
    """A chunk was finished. A subscriber that reads slowly gets only the latest one."""

    progress: Progress


class JobDone(_Event, frozen=True, tag="JOB_DONE"):
    """All of the text is in the audio, and the file is in place."""


class JobCanceled(_Event, frozen=True, tag="JOB_CANCELED"):
    """The job was canceled; the audio so far is kept."""


class JobError(_Event, frozen=True, tag="JOB_ERROR"):
    """The job failed."""

    error: ErrorBody


FinalEvent = JobDone | JobCanceled | JobError
FINAL = (JobDone, JobCanceled, JobError)
Event = JobStarted | AudioChunk | JobProgress | JobDone | JobCanceled | JobError

_encoder = msgspec.json.Encoder()

#: Before the PCM of a binary AUDIO_CHUNK: magic, seq, chunk_index, start_char, end_char, sample rate.
BINARY_HEADER = struct.Struct("<4sIIIII")
BINARY_MAGIC = b"Q3A1"


def as_json(event: Event) -> str:
    """The event as one JSON text."""
    return _encoder.encode(event).decode()


def as_binary(event: AudioChunk) -> bytes:
    """The audio without base64: 24 bytes of `BINARY_HEADER`, little-endian, then the PCM."""
    where = event.text_range
    header = BINARY_HEADER.pack(
        BINARY_MAGIC,
        event.seq,
        where.chunk_index,
        where.start_char,
        where.end_char,
        event.audio.sample_rate,
    )
    return header + event.audio.data_base64
