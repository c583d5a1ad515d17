"""What the engine sends over its WebSockets, as docs/websocket.md says it, and how it is read.

The OpenAPI document does not have these shapes; tests hold them to an engine. Offsets count code points, as Python
does: `text[chunk.start_char : chunk.end_char]`.
"""

import struct
from typing import TypeAlias

import msgspec
from msgspec import Struct

from q3tts_client.answers import ErrorBody, Progress
from q3tts_client.errors import ProtocolError

_HEADER = struct.Struct("<4sIIIII")
_MAGIC = b"Q3A1"


class _Event(Struct, frozen=True, kw_only=True, tag_field="type"):
    job_id: str


class JobStarted(_Event, frozen=True, tag="JOB_STARTED"):
    """The first chunk of the text is about to be spoken."""


class JobProgress(_Event, frozen=True, tag="JOB_PROGRESS"):
    """A chunk of the text is done."""

    progress: Progress


class JobDone(_Event, frozen=True, tag="JOB_DONE"):
    """All of the text is in the audio, and the file is in place."""


class JobCanceled(_Event, frozen=True, tag="JOB_CANCELED"):
    """Somebody canceled the job."""


class JobError(_Event, frozen=True, tag="JOB_ERROR"):
    """The job failed."""

    error: ErrorBody


class AudioChunk(_Event, frozen=True, tag="AUDIO_CHUNK"):
    """The next stretch of audio, up to a second of it, and the chunk of the text that is being spoken."""

    seq: int  #: 1, 2, 3 …
    pcm: bytes  #: signed 16-bit little-endian samples, mono
    sample_rate: int  #: in Hertz
    chunk_index: int
    start_char: int
    end_char: int


class Connected(Struct, frozen=True):
    """Events come from now on. There is no replay: read the list of jobs to learn what happened before."""


#: Of one job. `JobError` is not among them: it is raised, as `EngineError`.
StreamEvent: TypeAlias = JobStarted | AudioChunk | JobProgress | JobDone | JobCanceled
#: Of all jobs.
JobEvent: TypeAlias = Connected | JobStarted | JobProgress | JobDone | JobCanceled | JobError

_TextEvent: TypeAlias = JobStarted | JobProgress | JobDone | JobCanceled | JobError
_KNOWN = ("JOB_STARTED", "JOB_PROGRESS", "JOB_DONE", "JOB_CANCELED", "JOB_ERROR")


class _Kind(Struct):
    type: str


def text_event(message: str) -> _TextEvent | None:
    """From a text message; None for an event that this client does not know. Raises `ProtocolError`."""
    try:
        if msgspec.json.decode(message, type=_Kind).type not in _KNOWN:
            return None
        return msgspec.json.decode(message, type=_TextEvent)
    except msgspec.MsgspecError as error:
        raise ProtocolError(f"a message of the stream cannot be read: {error}") from error


def audio_chunk(message: bytes, job_id: str) -> AudioChunk:
    """From a binary message. Raises `ProtocolError`."""
    if len(message) < _HEADER.size or message[:4] != _MAGIC or len(message) % 2:
        raise ProtocolError("a binary message of the stream does not begin with an audio header")
    _, seq, chunk_index, start, end, rate = _HEADER.unpack_from(message)
    return AudioChunk(
        job_id=job_id,
        seq=seq,
        pcm=message[_HEADER.size :],
        sample_rate=rate,
        chunk_index=chunk_index,
        start_char=start,
        end_char=end,
    )
