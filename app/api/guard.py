"""Decides which requests are let in, outside Litestar: HTTP and WebSocket alike, also for routes that do not exist.

Litestar answers 404 and 405 before its middleware (github.com/litestar-org/litestar/issues/175), and its own host
check has been bypassed twice; so the check is in front of it, on raw bytes, and passes on only what is allowed:

- Host is this address with this port, so that no foreign name can be rebound to it, and the request line
  names a path and no other host;
- Origin, when a browser sends one, is on the list;
- the bearer token, in the Authorization header or, for WebSockets of browsers, offered as a subprotocol
  `bearer.<token>` beside `q3tts.v1`, of which only the latter is ever echoed; or, where links are on, the signature
  of a link to one job's audio, which is taken out of the address before anybody else sees that;
- a body no larger than allowed, counted as it comes.
"""

import hmac
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from hashlib import sha256
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlencode

import msgspec
from litestar.exceptions import HTTPException

from app.api.problems import body_of, status_of
from app.errors import ErrorBody, SpeechError
from app.usecases.audio_links import EXPIRES, SIGNATURE, AudioLinks
from app.usecases.fields import NOT_VALID

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

#: Reference audio as base64 is the largest thing that anybody sends.
MAX_BODY_BYTES = 32 * 1024 * 1024

#: In the scope of a request that was let in, for the server.
AUTHORIZED = "q3tts.authorized"

_LINKED = re.compile(r"/v1/jobs/(?P<job_id>[^/]+)/audio")

SUBPROTOCOL = "q3tts.v1"
BEARER_PREFIX = "bearer."

_RESOURCE_POLICY = b"cross-origin-resource-policy"
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'"),
    (_RESOURCE_POLICY, b"same-origin"),
]
#: A link may be the `src` of an <audio> of any page that was given it.
_LINK_HEADERS = [*_HEADERS[:-1], (_RESOURCE_POLICY, b"cross-origin")]
#: What OpenAI's package for JavaScript sends of itself, from a page too.
_OPENAI_HEADERS = (
    b"user-agent, openai-organization, openai-project, x-stainless-arch, x-stainless-lang, x-stainless-os, "
    b"x-stainless-package-version, x-stainless-retry-count, x-stainless-runtime, x-stainless-runtime-version, "
    b"x-stainless-timeout"
)
_PREFLIGHT = [
    (b"access-control-allow-methods", b"GET, HEAD, POST, PUT, PATCH, DELETE"),
    (
        b"access-control-allow-headers",
        b"authorization, content-type, idempotency-key, range, if-range, if-none-match, " + _OPENAI_HEADERS,
    ),
    (b"access-control-max-age", b"600"),
]
_EXPOSED = (
    b"access-control-expose-headers",
    b"content-range, content-length, etag, location, content-location, idempotent-replayed, accept-ranges, "
    b"x-request-id, x-ignored-fields, x-should-retry",
)


class Guard:
    """The outermost ASGI application. Holds no state but its settings; used from the event loop."""

    def __init__(
        self,
        app: App,
        *,
        token: str,
        hosts: Iterable[str],
        origins: Iterable[str],
        links: AudioLinks | None = None,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        self._app = app
        self._links = links
        self._token = sha256(token.encode()).digest()
        self._hosts = frozenset(host.encode().lower() for host in hosts)
        self._origins = frozenset(origin.encode() for origin in origins)
        self._max_body_bytes = max_body_bytes
        self._limit = f"a body may have {max_body_bytes} bytes"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request in, or answer it."""
        if scope["type"] not in ("http", "websocket"):
            return
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        origins = [value for name, value in headers if name == b"origin"]
        hosts = [value for name, value in headers if name == b"host"]
        cors: list[tuple[bytes, bytes]] = []
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            problem = (403, "FORBIDDEN", "the Host header does not name this engine")
        elif not scope["path"].startswith("/"):
            problem = (403, "FORBIDDEN", "the request line names no path; send GET /v1/... and a Host header")
        elif len(origins) > 1:
            problem = (403, "FORBIDDEN", "there is more than one Origin")
        else:
            allowed = not origins or origins[0] in self._origins
            if origins:
                # A page of any origin may read that it is not allowed: without this it sees a network error.
                cors = [(b"access-control-allow-origin", origins[0]), (b"vary", b"origin")]
            if origins and scope["type"] == "http" and scope["method"] == "OPTIONS":
                # A browser cannot send the token with the question whether it may.
                await _respond(scope, send, 204, b"", cors + _preflight(headers, allowed=allowed))
                return
            if allowed and origins:
                cors.append(_EXPOSED)
            if not allowed:
                problem = (403, "FORBIDDEN", "this Origin is not allowed; see --allow-origin")
            elif (link := _link_in(scope, headers)) and self._links is not None and self._links.enabled:
                try:
                    self._links.check(*link)
                except SpeechError as error:
                    problem = (status_of(error), error.code, error.message)
                else:
                    await self._pass(scope, receive, send, cors, _LINK_HEADERS)
                    return
            elif not self._authorized(scope, headers):
                problem = (401, "UNAUTHORIZED", "send the header Authorization: Bearer <token>")
            elif _length(headers) > self._max_body_bytes:
                problem = (413, "TOO_LARGE", self._limit)
            else:
                await self._pass(scope, receive, send, cors)
                return
        await _refuse(scope, send, *problem, cors)

    def _authorized(self, scope: Scope, headers: list[tuple[bytes, bytes]]) -> bool:
        offered = [value for name, value in headers if name == b"authorization"]
        if len(offered) > 1:
            return False
        if offered:
            scheme, _, token = offered[0].partition(b" ")
            return scheme.lower() == b"bearer" and self._is_token(token.strip())
        if scope["type"] == "websocket":
            protocols: list[str] = scope.get("subprotocols", [])
            tokens = [entry[len(BEARER_PREFIX) :] for entry in protocols if entry.startswith(BEARER_PREFIX)]
            return (
                SUBPROTOCOL in protocols
                and len(tokens) == 1
                and self._is_token(tokens[0].encode("latin-1", "replace"))
            )
        return False

    def _is_token(self, token: bytes) -> bool:
        # Hashed first: the comparison takes the same time whatever the lengths are.
        return hmac.compare_digest(sha256(token).digest(), self._token)

    async def _pass(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        cors: list[tuple[bytes, bytes]],
        usual: list[tuple[bytes, bytes]] = _HEADERS,
    ) -> None:
        scope[AUTHORIZED] = True
        if scope["type"] == "websocket":
            # What Litestar sees, and might log, is without the token.
            scope["subprotocols"] = [SUBPROTOCOL] if SUBPROTOCOL in scope.get("subprotocols", []) else []
            secret = (b"authorization", b"sec-websocket-protocol")
            scope["headers"] = [(name, value) for name, value in scope["headers"] if name not in secret]
            await self._app(scope, receive, _answering(scope, send, cors))
            return
        scope["headers"] = [(name, value) for name, value in scope["headers"] if name != b"authorization"]
        received_bytes = 0

        async def limited() -> Message:
            nonlocal received_bytes
            message = await receive()
            if message["type"] == "http.request":
                received_bytes += len(message.get("body", b""))
                if received_bytes > self._max_body_bytes:
                    raise HTTPException(detail=self._limit, status_code=413)
            return message

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name for name, _ in message.get("headers", [])}
                extra = [header for header in usual if header[0] not in given]
                message["headers"] = [*message.get("headers", []), *extra, *cors]
            await send(message)

        await self._app(scope, limited, dressed)


def _preflight(headers: list[tuple[bytes, bytes]], *, allowed: bool) -> list[tuple[bytes, bytes]]:
    """What a browser is told before it sends a page's request."""
    asks = (b"access-control-request-private-network", b"true") in headers
    # https://wicg.github.io/private-network-access/: a page of a public address may call one of this machine.
    return [*_PREFLIGHT, (b"access-control-allow-private-network", b"true")] if asks and allowed else _PREFLIGHT


def _answering(scope: Scope, send: Send, cors: list[tuple[bytes, bytes]]) -> Send:
    """Where Litestar closes a WebSocket without a handshake, which becomes a bare 403, the client is told why."""
    accepted = False

    async def answer(message: Message) -> None:
        nonlocal accepted
        accepted |= message["type"] == "websocket.accept"
        if message["type"] != "websocket.close" or accepted:
            await send(message)
        elif (said := str(message.get("reason", ""))).startswith(NOT_VALID):
            field = said.removeprefix(NOT_VALID).partition(":")[0]
            await _refuse(scope, send, 400, "INVALID_REQUEST", said, cors, field)
        elif said.startswith("Validation failed"):
            known = "after_seq is a whole number from 0 on, format is json or binary"
            why = f"{NOT_VALID}a parameter is wrong: {known}"
            await _refuse(scope, send, 400, "INVALID_REQUEST", why, cors, _wrong_parameter(scope))
        else:
            known = "/v1/stream/{job_id}, with a UUID, /v1/events, /v1/speak and /v1/audio/speech/stream"
            await _refuse(scope, send, 404, "NOT_FOUND", f"there is no such WebSocket; there are {known}", cors)

    return answer


def _link_in(scope: Scope, headers: list[tuple[bytes, bytes]]) -> tuple[str, str, str] | None:
    """The job, the end and the signature of a link to a job's audio. They are in the scope no longer then."""
    found = _LINKED.fullmatch(scope["path"])
    if found is None or scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
        return None
    given = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    expires, signature = given.pop(EXPIRES, []), given.pop(SIGNATURE, [])
    if not signature:
        return None
    scope["query_string"] = urlencode(given, doseq=True).encode()
    if any(name == b"authorization" for name, _ in headers):
        return None
    return found["job_id"], expires[0] if len(expires) == 1 else "", signature[0] if len(signature) == 1 else ""


def _length(headers: list[tuple[bytes, bytes]]) -> int:
    for name, value in headers:
        if name == b"content-length" and value.isdigit():
            return int(value[:20])
    return 0


def _wrong_parameter(scope: Scope) -> str:
    """Which of the two that a WebSocket takes is wrong, where Litestar says only that one is."""
    given = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return "format" if given.get("format", ["json"])[-1] not in ("json", "binary") else "after_seq"


async def _refuse(
    scope: Scope,
    send: Send,
    status: int,
    code: str,
    message: str,
    cors: list[tuple[bytes, bytes]],
    field: str | None = None,
) -> None:
    details = {} if field is None else {"fields": [{"field": field, "message": message}]}
    body = msgspec.json.encode(body_of(scope["path"], status, ErrorBody(code, message, details)))
    extra = [(b"www-authenticate", b"Bearer")] if status == 401 else []
    await _respond(scope, send, status, body, cors + extra)


async def _respond(scope: Scope, send: Send, status: int, body: bytes, extra: list[tuple[bytes, bytes]]) -> None:
    kind = "http.response" if scope["type"] == "http" else "websocket.http.response"
    headers = [*_HEADERS, *extra]
    if body:
        headers += [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": f"{kind}.start", "status": status, "headers": headers})
    no_body = scope["type"] == "http" and scope["method"] == "HEAD"
    await send({"type": f"{kind}.body", "body": b"" if no_body else body})
