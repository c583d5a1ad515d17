"""Failures as OpenAI's clients read them, on the routes that have OpenAI's shape:
`{"error": {"message", "type", "param", "code"}}` (https://platform.openai.com/docs/guides/error-codes).
"""

from typing import Any

from msgspec import Struct

from app.errors import ErrorBody

PREFIX = "/v1/audio/"

#: OpenAI's names of what our messages speak of.
_NAMES = {"text": "input", "settings.rate": "speed", "settings.instruct": "instructions"}
#: The code that OpenAI has for what we have, where it is not the same word.
_CODES = {"UNAUTHORIZED": "invalid_api_key"}
_PARAMS = {"MODEL_NOT_FOUND": "model", "MODEL_NOT_READY": "model", "VOICE_NOT_FOUND": "voice"}
#: What passes by itself. OpenAI's clients send a request again after any 409 and 5xx unless they are told not to.
_PASSING = frozenset({408, 429, 503})


class OpenAIError(Struct, frozen=True):
    """What went wrong. `param` is the field that it is about."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIProblem(Struct, frozen=True):
    """The body of every failure on the routes below `/v1/audio`."""

    error: OpenAIError


def has_openai_shape(path: str) -> bool:
    """Whether a path is one of the routes that have OpenAI's shape."""
    return path.startswith(PREFIX)


def openai_problem(status: int, error: ErrorBody) -> OpenAIProblem:
    """A failure in OpenAI's shape and words."""
    kind = "rate_limit_error" if status == 429 else "server_error" if status >= 500 else "invalid_request_error"
    message = error.message
    for ours, theirs in _NAMES.items():
        if "." in ours:
            message = message.replace(ours, theirs)
    return OpenAIProblem(OpenAIError(message, kind, _param(error), _CODES.get(error.code, error.code.lower())))


def retry_headers(status: int) -> dict[str, str]:
    """What tells OpenAI's clients whether to send the request again."""
    return {"X-Should-Retry": "true" if status in _PASSING else "false"}


def _param(error: ErrorBody) -> str | None:
    fields: list[dict[str, Any]] = error.details.get("fields", [])
    if not fields:
        return _PARAMS.get(error.code)
    name = str(fields[0]["field"])
    return _NAMES.get(name, name) or None
