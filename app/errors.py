"""Everything that can go wrong, as one tree.

Raised in the middle, translated once at each interface (HTTP: `api/problems.py`, the terminal: `cli/main.py`).
`code` is the stable word that clients program against. A class's docstring is its default message. All messages
have one style: lower case, no full stop, what is wrong; then what to do.

    SpeechError
    ├── InvalidRequest                 INVALID_REQUEST
    │   ├── EmptyText                  EMPTY_TEXT
    │   ├── InvalidAudio               INVALID_AUDIO
    │   └── TranscriptRequired         TRANSCRIPT_REQUIRED
    ├── Unauthorized                   UNAUTHORIZED
    ├── Forbidden                      FORBIDDEN
    ├── VoiceNotFound                  VOICE_NOT_FOUND
    ├── JobNotFound                    JOB_NOT_FOUND
    ├── ModelNotFound                  MODEL_NOT_FOUND
    ├── Conflict                       CONFLICT
    │   ├── ModelNotReady              MODEL_NOT_READY
    │   ├── JobNotCompleted            JOB_NOT_COMPLETED
    │   ├── WrongState                 WRONG_STATE
    │   ├── CountChanged               COUNT_CHANGED
    │   └── IdempotencyConflict        IDEMPOTENCY_CONFLICT
    ├── InferenceFailed                INFERENCE_FAILED
    ├── EngineRestarted                ENGINE_RESTARTED
    ├── StorageFailed                  STORAGE_FAILED
    ├── Overloaded                     OVERLOADED
    ├── NoSpeakers                     NO_SPEAKERS
    ├── NotRunning                     NOT_RUNNING (from the command line, not from an engine)
    └── StartFailed                    START_FAILED (the engine does not start; carries an exit code)
"""

from collections.abc import Iterable
from typing import Any, ClassVar, Self

from msgspec import Struct

from app.process.descriptors import are_exhausted


class ErrorBody(Struct, frozen=True):
    """What went wrong, in the shape of every error of this engine."""

    code: str
    message: str
    details: dict[str, Any] = {}


class SpeechError(Exception):
    """Something went wrong in the speech engine."""

    code: ClassVar[str] = "INTERNAL"

    def __init__(self, message: str | None = None, **details: Any) -> None:
        self.message = message or _as_message(type(self).__doc__ or "")
        self.details: dict[str, Any] = details
        super().__init__(self.message)

    def body(self) -> ErrorBody:
        """The error as every client gets it."""
        return ErrorBody(self.code, self.message, self.details)


def perhaps(said: str, names: Iterable[str], *, nearness: float = 0.7) -> str:
    """For an error about a name that is not known: those that it is near to by difflib's measure; or empty."""
    from difflib import get_close_matches  # takes longer to import than to run

    known = {name.casefold(): name for name in names}
    close = [known[key] for key in get_close_matches(said.casefold(), known, n=3, cutoff=nearness)]
    return f"; perhaps {' or '.join(close)} is meant" if close else ""


def _as_message(docstring: str) -> str:
    sentence = docstring.strip().removesuffix(".")
    return sentence[:1].lower() + sentence[1:]


class InvalidRequest(SpeechError):
    """The request is not valid."""

    code = "INVALID_REQUEST"

    @classmethod
    def about(cls, field: str, message: str | None = None) -> Self:
        """An error about one field of the request."""
        error = cls(message)
        error.details["fields"] = [{"field": field, "message": error.message}]
        return error


class EmptyText(InvalidRequest):
    """The text is empty; send at least one character that is not white space."""

    code = "EMPTY_TEXT"


class InvalidAudio(InvalidRequest):
    """The reference audio cannot be used; send 1 to 30 seconds of speech as WAV, FLAC, MP3, M4A or Ogg."""

    code = "INVALID_AUDIO"


class TranscriptRequired(InvalidRequest):
    """No speech-to-text model is active, so `ref_text` must say what is spoken in the reference audio."""

    code = "TRANSCRIPT_REQUIRED"


class Unauthorized(SpeechError):
    """The bearer token is missing or wrong."""

    code = "UNAUTHORIZED"


class Forbidden(SpeechError):
    """The request is not allowed."""

    code = "FORBIDDEN"


class VoiceNotFound(SpeechError):
    """There is no such voice; see GET /v1/voices."""

    code = "VOICE_NOT_FOUND"


class JobNotFound(SpeechError):
    """There is no such job; see GET /v1/jobs."""

    code = "JOB_NOT_FOUND"


class ModelNotFound(SpeechError):
    """There is no such model; see GET /v1/models."""

    code = "MODEL_NOT_FOUND"


class Conflict(SpeechError):
    """The request conflicts with the current state."""

    code = "CONFLICT"


class ModelNotReady(Conflict):
    """The active model cannot do this."""

    code = "MODEL_NOT_READY"


class JobNotCompleted(Conflict):
    """The job has no finished audio; wait for `completed`, or ask for the audio so far with ?partial=true."""

    code = "JOB_NOT_COMPLETED"


class WrongState(Conflict):
    """The job is in a state in which this cannot be done."""

    code = "WRONG_STATE"


class IdempotencyConflict(Conflict):
    """The same id or Idempotency-Key was used before with another request."""

    code = "IDEMPOTENCY_CONFLICT"


class CountChanged(Conflict):
    """Another number of jobs matches than was expected; ask for the count again with dry_run=true."""

    code = "COUNT_CHANGED"


class InferenceFailed(SpeechError):
    """The model could not speak a chunk of the text."""

    code = "INFERENCE_FAILED"


class EngineRestarted(SpeechError):
    """The engine was restarted while the job was being spoken to a listener."""

    code = "ENGINE_RESTARTED"


class StorageFailed(SpeechError):
    """The disk is full or cannot be written; free some space and retry the job."""

    code = "STORAGE_FAILED"


class Overloaded(SpeechError):
    """The engine has too many connections or open files; close some, and try again."""

    code = "OVERLOADED"


class NoSpeakers(SpeechError):
    """There is no audio device that can play sound."""

    code = "NO_SPEAKERS"


class NotRunning(SpeechError):
    """No daemon is running; start one with: q3tts serve --daemon."""

    code = "NOT_RUNNING"


class StartFailed(SpeechError):
    """The engine cannot start."""

    code = "START_FAILED"

    def __init__(self, message: str, *, exit_code: int, **details: Any) -> None:
        super().__init__(message, **details)
        #: As in BSD's sysexits: 64 usage, 69 unavailable, 74 storage, 75 in use, 78 newer schema.
        self.exit_code = exit_code


def of_body(body: ErrorBody) -> SpeechError:
    """The error that a job failed with: of its own class, as its code tells."""
    kinds = [SpeechError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    kind = next((each for each in kinds if each.code == body.code and each is not StartFailed), SpeechError)
    error = SpeechError.__new__(kind)
    SpeechError.__init__(error, body.message, **body.details)
    return error


def cannot_open(what: str, error: OSError) -> SpeechError:
    """The failure to open a file: of this machine's disk, or for want of a file descriptor, which passes."""
    if are_exhausted(error):
        return Overloaded(f"{what} cannot be opened: too many files are open; close connections, and try again")
    return StorageFailed(f"{what} cannot be opened: {error.strerror}")
