"""Every failure as an answer, in one shape: `{"error": {"code", "message", "details"}}`; below `/v1/audio` in
OpenAI's.

The one place where the engine's errors become HTTP statuses, and where Litestar's own become the engine's shape.
"""

import logging
from typing import Any, cast

import msgspec
from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi import ResponseSpec

from app import errors
from app.api.openai_errors import OpenAIProblem, has_openai_shape, openai_problem, retry_headers
from app.usecases.fields import choices_of

STATUS: dict[type[errors.SpeechError], int] = {
    errors.InvalidRequest: 400,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.VoiceNotFound: 404,
    errors.JobNotFound: 404,
    errors.ModelNotFound: 404,
    errors.Conflict: 409,
    errors.InferenceFailed: 500,
    errors.EngineRestarted: 503,
    errors.Overloaded: 503,
    errors.StorageFailed: 507,
}

#: Codes of failures that happen before any of the engine's own code runs.
HTTP_CODES = {
    400: "INVALID_REQUEST",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "TOO_LARGE",
    415: "INVALID_REQUEST",
}

#: The answer to what no client can mend.
DEFECT = errors.ErrorBody("INTERNAL", "the engine failed on this request; see its log")

logger = logging.getLogger(__name__)


class Problem(msgspec.Struct, frozen=True):
    """The body of every answer that is not what was asked for."""

    error: errors.ErrorBody


#: The shape of every failure, for the OpenAPI document.
RESPONSES = {400: ResponseSpec(Problem, description="The request is not valid", generate_examples=False)}
OPENAI_RESPONSES = {400: ResponseSpec(OpenAIProblem, description="As OpenAI tells it", generate_examples=False)}


def status_of(error: errors.SpeechError) -> int:
    """The HTTP status of an error: its class's, or the nearest ancestor's."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def body_of(path: str, status: int, error: errors.ErrorBody) -> Problem | OpenAIProblem:
    """A failure on a path, in the shape that clients of it read."""
    return openai_problem(status, error) if has_openai_shape(path) else Problem(error)


def answer(path: str, status: int, error: errors.ErrorBody) -> Response[Problem | OpenAIProblem]:
    """A failure on a path as a response."""
    headers = retry_headers(status) if has_openai_shape(path) else None
    return Response(body_of(path, status, error), status_code=status, media_type=MediaType.JSON, headers=headers)


def not_found(path: str) -> Response[Problem | OpenAIProblem]:
    """There is no such route."""
    return answer(
        path,
        404,
        errors.ErrorBody("NOT_FOUND", "there is no such route, or an id in it is not a UUID; see /v1/openapi.json"),
    )


def on_speech_error(request: Request[Any, Any, Any], error: errors.SpeechError) -> Response[Any]:
    """An error of the engine's own."""
    return answer(request.url.path, status_of(error), error.body())


def on_validation_error(request: Request[Any, Any, Any], error: ValidationException) -> Response[Any]:
    """What the client sent is not what the route takes."""
    entries: list[dict[str, Any]] = cast(Any, error.extra) if isinstance(error.extra, list) else []
    fields = [{"field": _name_of(entry), "message": _message(request, entry)} for entry in entries]
    if fields == [{"field": "data", "message": "'data'"}]:  # Litestar's way of saying that there is no body
        fields = [{"field": "data", "message": "send a JSON object as the body"}]
    said = "; ".join(f"{entry['field']}: {entry['message']}".removeprefix(": ") for entry in fields)
    message = f"the request is not valid: {said or error.detail}"
    return answer(
        request.url.path, 400, errors.ErrorBody("INVALID_REQUEST", message, {"fields": fields} if fields else {})
    )


def _name_of(entry: dict[str, Any]) -> str:
    """What the client calls it: Litestar has a header under the name of the handler's parameter."""
    name = str(entry.get("key", ""))
    return name.replace("_", "-").title() if entry.get("source") == "header" else name


def _message(request: Request[Any, Any, Any], entry: dict[str, Any]) -> str:
    """What is wrong with a parameter, and what it can be where that is a choice."""
    message = str(entry.get("message", ""))
    handler = request.route_handler
    asking = [handler, *handler.resolve_dependencies().values()]
    name = str(entry.get("key", ""))
    parameter = next((found for one in asking if (found := one.parsed_fn_signature.parameters.get(name))), None)
    if parameter is None or not message.startswith("Invalid enum value"):
        return message
    kind = parameter.annotation
    return f"{message}; it can be {' or '.join(choices_of(kind, '') or choices_of(kind, '[0]'))}"


def on_http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """Litestar's own: no such route, method or media type; a body that is no JSON."""
    status = 400 if error.status_code in (401, 403, 422) else error.status_code
    if status >= 500:
        gone = error.detail == "client disconnected prematurely"  # in the middle of its body: nobody's fault here
        logger.log(logging.INFO if gone else logging.ERROR, "HTTP %d: %s", status, error.detail)
        return answer(request.url.path, status, DEFECT)
    if status == 404:
        return not_found(request.url.path)
    allowed = (error.headers or {}).get("allow") if status == 405 else None
    said = f"{request.method} is not possible here; these are: {allowed}" if allowed else error.detail
    response = answer(request.url.path, status, errors.ErrorBody(HTTP_CODES.get(status, "INVALID_REQUEST"), said))
    if allowed:
        response.headers["Allow"] = allowed
    return response


def on_any_error(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """A defect. What it was is in the log, not in the answer."""
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return answer(request.url.path, 500, DEFECT)
