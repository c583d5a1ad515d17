"""What can go wrong: one base class with a code.

    SpeechError
    ├── EngineError     the engine refused a request, or a job failed; `code` is one of docs/http.md, "Errors"
    ├── NetworkError    no answer came (`NETWORK`), or no engine runs (`NOT_RUNNING`)
    └── ProtocolError   what came is not what a q3tts engine sends (`PROTOCOL`)

What is wrong with an argument, before anything is sent, is a `ValueError`.
"""

from typing import Any

import msgspec

from q3tts_client.answers import ErrorBody, Problem


class SpeechError(Exception):
    """Something went wrong. `code` is for programs, `message` for people."""

    def __init__(
        self, code: str, message: str, *, status: int | None = None, details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code, self.message = code, message
        self.status = status  #: of the answer; None if none came, or for a job that failed
        self.details = details or {}

    def __str__(self) -> str:
        """The code, then what happened."""
        return f"{self.code}: {self.message}"


class EngineError(SpeechError):
    """The engine says no, or its job failed."""


class NetworkError(SpeechError):
    """No answer came. A request may have been carried out all the same."""

    def __init__(self, message: str, code: str = "NETWORK") -> None:
        super().__init__(code, message)


class ProtocolError(SpeechError):
    """An answer that no engine of this version gives."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__("PROTOCOL", message, status=status)


def error_of(body: ErrorBody, status: int | None = None) -> EngineError:
    """From the shape that all errors of the engine have: of an answer, of a job, of an event."""
    return EngineError(body.code, body.message, status=status, details=body.details)


def refusal(status: int, body: bytes, what: str) -> SpeechError:
    """From an answer that is not a good one."""
    try:
        return error_of(msgspec.json.decode(body, type=Problem).error, status)
    except msgspec.MsgspecError:
        return ProtocolError(f"the answer to {what} has status {status} and is not of a q3tts engine", status)
