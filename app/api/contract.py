"""The OpenAPI document beyond what Litestar finds in the handlers: how a client proves who it is, every failure of
each route, audio as audio, examples, and the WebSockets, for which OpenAPI has no words.

Litestar describes what a handler returns. That the guard refuses, the body is too large or the disk is full is
decided elsewhere.
"""

from collections.abc import Iterator
from typing import Any, TypeAlias, cast

import msgspec
from litestar import Request
from litestar.openapi.plugins import JsonRenderPlugin

from app.api.openai_errors import PREFIX, has_openai_shape
from app.api.problems import body_of
from app.audio.export.formats import FORMATS, LIVE_FORMATS
from app.errors import ErrorBody

#: A part of the document, as JSON has it.
Part: TypeAlias = dict[str, Any]

DESCRIPTION = """A speech engine for one machine: text in, speech out, as a live stream or as a file.

Every request carries `Authorization: Bearer <token>`. A failure has one shape on every route: `Problem`; below
`/v1/audio`, where OpenAI's clients ask, that of OpenAI: `OpenAIProblem`.

Audio that is being made comes over a WebSocket, which OpenAPI cannot describe. `GET /v1/stream/{job_id}` sends one
job's events from the first to the last, `AUDIO_CHUNK` with its samples among them; `?after_seq=N` resumes after
event N, `?format=binary` sends the samples as bytes. `GET /v1/events` sends the events of all jobs, without audio.
A browser, which cannot set headers there, offers the subprotocols `q3tts.v1` and `bearer.<token>`."""

BEARER = "bearer"

#: Failures, by status: of every route, and of those that name something, change something, or take a body.
ANYWHERE = {
    400: "The request is not valid",
    401: "The token is missing or wrong",
    403: "The Host or the Origin is not allowed, or what was asked for is not",
    500: "A defect of the engine, or the model could not speak",
    503: "Too many connections or files are open, or the engine is stopping",
    507: "The disk is full or cannot be written",
}
NAMED = {404: "There is no such voice, job or model"}
CHANGING = {409: "The request conflicts with the current state"}
WITH_BODY = {
    408: "The body did not come in time",
    413: "The body is too large",
    415: "The body has another type than the route takes",
}

#: What may be sent again, and how it is answered then.
QUEUEING = ("submitJob", "putJob")
QUEUEING_ANSWERS = {"200": "The job that came with the same id or key before", "201": "The job, which is queued"}

#: What answers with audio, and with which kinds of it.
AUDIO = {
    "getAudio": tuple(dict.fromkeys(FORMATS[name].media_type for name in FORMATS)),
    "headAudio": (),
    "previewVoice": ("audio/wav",),
}
SPEECH = tuple(FORMATS[name].media_type for name in LIVE_FORMATS)
#: What an export of the history is.
EXPORTS = ("application/x-ndjson", "text/csv")
BINARY: Part = {"type": "string", "format": "binary"}
AUDIO_HEADERS = {
    "ETag": "Of this very audio, for `If-None-Match` and `If-Range`",
    "Accept-Ranges": "`bytes`",
    "Content-Disposition": "The name for a file",
}

#: One event of a stream of them.
EVENT: Part = {
    "type": "object",
    "required": ["data"],
    "properties": {
        "event": {"type": "string", "description": "`error` for a failure after the first sound"},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "description": "`speech.audio.delta` with `audio` in base64, at last `speech.audio.done` with `usage`",
        },
    },
}

#: What is sent with audio in OpenAI's shape.
SPEECH_HEADERS = {
    "X-Request-Id": "The id of the job",
    "Content-Location": "Where its audio can be fetched again",
    "X-Ignored-Fields": "Fields of the request that mean nothing here",
}

#: Requests in which a field that is not known is ignored.
OPEN = frozenset({"CreateSpeechRequest", "VoiceRef"})

#: Bodies that clients may begin with, by the name of the operation.
EXAMPLES: dict[str, Part] = {
    "speak": {"text": "The lamp was lit.", "voice": "en-us", "settings": {"rate": 1.2}},
    "cancel": {"job_id": "0c5e5b0e-6f0b-4a55-9a1e-3a3f4f0f7b11"},
    "createSpeech": {"model": "tts-1", "input": "The lamp was lit.", "voice": "alloy", "response_format": "mp3"},
    "submitJob": {"text": "Chapter one. It was late.", "voice": "en-us", "title": "A book", "tags": ["book"]},
    "putJob": {"text": "Chapter one. It was late.", "voice": "en-us", "title": "A book", "tags": ["book"]},
    "pruneJobs": {"keep_days": 30, "keep_bytes": 20_000_000_000, "dry_run": True},
    "cloneVoice": {"display_name": "Ada", "ref_audio": {"path": "/home/ada/voice.m4a"}, "ref_text": "What I said."},
    "transcribeRecording": {"ref_audio": {"path": "/home/ada/voice.m4a"}, "language": "en"},
    "renameVoice": {"display_name": "Ada, reading"},
    "designVoice": {"display_name": "Keeper", "description": "An old man with a deep and calm voice."},
}


class ContractPlugin(JsonRenderPlugin):
    """Answers with the whole document. Belongs to the event loop."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: Part) -> bytes:
        """The document as JSON."""
        return self.render_json(request, completed(openapi_schema))  # pyright: ignore[reportUnknownMemberType]


def completed(document: Part) -> Part:
    """The document with everything that it did not say yet; what it was made from stays as it is."""
    schemas = {name: dict(schema) for name, schema in document["components"]["schemas"].items()}
    paths = {
        path: {method: _operation(path, method, operation) for method, operation in methods.items()}
        for path, methods in document["paths"].items()
    }
    for name in _sent(paths, schemas) - OPEN:
        schemas[name]["additionalProperties"] = False
    components = document["components"] | {
        "schemas": schemas,
        "responses": {
            _name(path, status): _problem(path, status, what)
            for path in ("", PREFIX)
            for status, what in sorted((ANYWHERE | NAMED | CHANGING | WITH_BODY).items())
        },
        "securitySchemes": {BEARER: {"type": "http", "scheme": "bearer", "description": "The engine's token."}},
    }
    info = document["info"] | {"description": DESCRIPTION}
    return document | {"info": info, "paths": paths, "components": components, "security": [{BEARER: []}]}


def _operation(path: str, method: str, operation: Part) -> Part:
    body = operation.get("requestBody")
    name = operation["operationId"]
    failures = dict(ANYWHERE)
    if body is not None:
        failures |= WITH_BODY
    if body is not None or operation.get("parameters"):
        failures |= NAMED
    if method not in ("get", "head"):
        failures |= CHANGING
    responses: Part = {status: answer for status, answer in operation["responses"].items() if status < "400"}
    if name in QUEUEING:
        (answer,) = responses.values()
        headers = {"Location": {"description": "Where the job is", "schema": {"type": "string"}}}
        responses = {
            status: answer | {"description": what, "headers": headers} for status, what in QUEUEING_ANSWERS.items()
        }
    if name == "speak":
        job = responses["200"]
        responses["200"] = job | {"content": job["content"] | {"audio/wav": {"schema": BINARY}}}
    if name == "createSpeech":
        events = {"text/event-stream": {"schema": EVENT}}
        content = {kind: {"schema": BINARY} for kind in SPEECH} | events
        responses = {"200": {"description": "The audio", "headers": _headers(SPEECH_HEADERS), "content": content}}
    if name == "exportJobs":
        lines = {kind: {"schema": {"type": "string"}} for kind in EXPORTS}
        responses = {"200": {"description": "The jobs, newest first", "content": lines}}
    if name == "getMetrics":
        text = {"text/plain": {"schema": {"type": "string"}}}
        responses = {"200": {"description": "The metrics, in Prometheus' text format", "content": text}}
    if name in AUDIO:
        responses = _audio_responses(AUDIO[name])
        failures |= CHANGING
    for status in sorted(failures):
        responses[str(status)] = {"$ref": f"#/components/responses/{_name(path, status)}"}
    changed = operation | {"responses": responses}
    if body is not None and name in EXAMPLES:
        json = body["content"]["application/json"] | {"example": EXAMPLES[name]}
        changed["requestBody"] = body | {"content": body["content"] | {"application/json": json}}
    return changed


def _headers(meanings: dict[str, str]) -> Part:
    return {name: {"description": what, "schema": {"type": "string"}} for name, what in meanings.items()}


def _audio_responses(kinds: tuple[str, ...]) -> Part:
    """RFC 9110: the whole file, a part of it, nothing new, or nothing in that range; without kinds for HEAD."""
    content = {"content": {kind: {"schema": BINARY} for kind in kinds}} if kinds else {}
    headers = _headers(AUDIO_HEADERS)
    known = {"304": {"description": "The audio is the one that `If-None-Match` names", "headers": headers}}
    whole = {"200": {"description": "The audio", "headers": headers, **content}} | known
    if not kinds:
        return whole
    extent = _headers({"Content-Range": "Which bytes these are"})
    return whole | {
        "206": {
            "description": "The part of the audio that `Range` asks for",
            "headers": headers | extent,
            **content,
        },
        "416": {**_problem("", 416, "The range lies beyond the end of the file"), "headers": extent},
    }


def _problem(path: str, status: int, what: str) -> Part:
    code = {401: "UNAUTHORIZED", 403: "FORBIDDEN", 404: "JOB_NOT_FOUND", 408: "REQUEST_TIMEOUT", 409: "WRONG_STATE"}
    code |= {413: "TOO_LARGE", 500: "INTERNAL", 503: "OVERLOADED", 507: "STORAGE_FAILED"}
    shown = body_of(path, status, ErrorBody(code.get(status, "INVALID_REQUEST"), what.lower()))
    schema = {"$ref": f"#/components/schemas/{type(shown).__name__}"}
    example = msgspec.to_builtins(shown)
    return {"description": what, "content": {"application/json": {"schema": schema, "example": example}}}


def _name(path: str, status: int) -> str:
    return f"{'Speech' if has_openai_shape(path) else ''}Status{status}"


def _sent(paths: Part, schemas: Part) -> set[str]:
    """The schemas of what clients send, in which an unknown field is an error."""
    bodies = [operation.get("requestBody", {}) for methods in paths.values() for operation in methods.values()]
    found: set[str] = set()
    asked = list(_references(bodies))
    while asked:
        name = asked.pop()
        if name not in found:
            found.add(name)
            asked += _references(schemas[name])
    return {name for name in found if "properties" in schemas[name]}


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for key, value in cast("Part", part).items():
            if key == "$ref":
                yield str(value).rpartition("/")[2]
            else:
                yield from _references(value)
    elif isinstance(part, list):
        for each in cast("list[Any]", part):
            yield from _references(each)
