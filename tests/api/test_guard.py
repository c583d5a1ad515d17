"""Which clients are let in, over bare sockets: token, Host, Origin, size of a body; on any route, or none."""

import json
from collections.abc import Iterable
from typing import Any
from uuid import uuid4

import pytest

from app.api.guard import MAX_BODY_BYTES, Guard
from app.config import TAURI_ORIGINS
from tests.api.raw import AUTHORIZATION, UPGRADE, Answer, ask, code_in, error_in, host, wire
from tests.support.client import TOKEN, Engine
from tests.support.fakes import VOICE_ID

pytestmark = pytest.mark.anyio

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get")
UNKNOWN = ("/", "/v1", "/v1/", "/v1/nope", "/v2/jobs", "/schema", "/docs", "/v1/openapi.json/x", "/v1/jobs/no-uuid")
SOCKETS = ("/v1/events", "/v1/speak", "/v1/stream/00000000-0000-4000-8000-000000000000")
ALLOWED = TAURI_ORIGINS[0].encode()
SECURITY = {
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'",
    "cross-origin-resource-policy": "same-origin",
}
STRANGERS: dict[str, tuple[bytes, ...]] = {
    "nothing": (),
    "an empty header": (b"Authorization:",),
    "no token": (b"Authorization: Bearer",),
    "a wrong token": (b"Authorization: Bearer not-the-token",),
    "a truncated token": (AUTHORIZATION[:-1],),
    "a longer token": (AUTHORIZATION + b"x",),
    "another scheme": (f"Authorization: Basic {TOKEN}".encode(),),
    "no scheme": (f"Authorization: {TOKEN}".encode(),),
    "a scheme that begins the same": (f"Authorization: Bearers {TOKEN}".encode(),),
    "the token in capitals": (f"Authorization: Bearer {TOKEN.upper()}".encode(),),
    "the token twice in a header": (AUTHORIZATION + b" " + TOKEN.encode(),),
    "two headers": (AUTHORIZATION, AUTHORIZATION),
    "a right header after a wrong one": (b"Authorization: Bearer x", AUTHORIZATION),
    "bytes that are no ASCII": (b"Authorization: Bearer \xff\xfe\xc3\xa4",),
    "a very long token": (b"Authorization: Bearer " + b"x" * 8_000,),
    "another header": (f"X-Authorization: Bearer {TOKEN}".encode(), f"Cookie: token={TOKEN}".encode()),
    "a proxy's header": (f"Proxy-Authorization: Bearer {TOKEN}".encode(),),
}


@pytest.fixture(scope="module")
async def paths(shared: Engine) -> list[str]:
    """Every path of the OpenAPI document, the sockets, and some that do not exist."""
    document = await shared.get("/openapi.json")
    values = dict.fromkeys(("job_id", "voice_id", "model_id"), str(uuid4()))
    known = [path.format(**values) for path in document["paths"]]
    assert {"/v1/jobs", "/v1/models", f"/v1/models/{values['model_id']}/activate"} <= set(known)
    assert not any("{" in path for path in known)
    return [*known, "/v1/openapi.json", *SOCKETS, *UNKNOWN]


@pytest.mark.parametrize("stranger", STRANGERS)
async def test_without_the_token_every_route_gives_the_same_401(
    shared: Engine, paths: list[str], stranger: str
) -> None:
    ours = await ask(shared, "GET /v1/health HTTP/1.1", host(shared))
    theirs = await ask(shared, "GET /v1/audio/nope HTTP/1.1", host(shared))
    for answer, code in ((ours, "UNAUTHORIZED"), (theirs, "INVALID_API_KEY")):
        assert answer.status == 401
        assert code_in(answer) == code
        assert answer.headers["www-authenticate"] == "Bearer"

    async with wire(shared) as connection:
        for path in paths:
            expected = theirs if path.startswith("/v1/audio/") else ours
            for method in METHODS:
                answer = await connection.ask(f"{method} {path} HTTP/1.1", host(shared), *STRANGERS[stranger])

                assert answer.status == 401, f"{method} {path}"
                assert without_date(answer) == without_date(expected)
                assert answer.body == (b"" if method == "HEAD" else expected.body)


@pytest.mark.parametrize("stranger", STRANGERS)
async def test_without_the_token_no_socket_is_accepted(shared: Engine, paths: list[str], stranger: str) -> None:
    expected = await ask(shared, "GET /v1/health HTTP/1.1", host(shared))
    for path in (*SOCKETS, "/v1/jobs", "/v1/nope"):
        assert path in paths

        answer = await ask(shared, f"GET {path} HTTP/1.1", host(shared), *UPGRADE, *STRANGERS[stranger])

        assert answer.status == 401, path
        assert answer.body == expected.body
        assert SECURITY.items() <= answer.headers.items()


@pytest.mark.parametrize("name", ["token", "access_token", "authorization", "bearer"])
async def test_a_token_in_the_address_is_not_looked_at(shared: Engine, name: str) -> None:
    for path in ("/v1/health", *SOCKETS):
        for upgrade in ((), UPGRADE):
            answer = await ask(shared, f"GET {path}?{name}={TOKEN} HTTP/1.1", host(shared), *upgrade)

            assert answer.status == 401


async def test_a_token_in_the_body_is_not_looked_at(shared: Engine) -> None:
    body = f"token={TOKEN}".encode()
    length = f"Content-Length: {len(body)}".encode()

    answer = await ask(shared, "POST /v1/speak HTTP/1.1", host(shared), length, body=body)

    assert answer.status == 401


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_name_of_the_scheme_may_be_in_any_case(shared: Engine, scheme: str) -> None:
    header = f"Authorization: {scheme} {TOKEN}".encode()

    assert (await ask(shared, "GET /v1/health HTTP/1.1", host(shared), header)).status == 200


async def test_a_header_of_a_megabyte_is_refused_and_the_engine_goes_on(shared: Engine) -> None:
    async with wire(shared) as connection:
        await connection.send(b"GET /v1/health HTTP/1.1\r\n" + host(shared) + b"\r\nAuthorization: Bearer ")
        await connection.send(b"x" * 70_000)

        assert (await connection.answer()).status in (400, 431)
    assert (await shared.http.get("/v1/health")).status_code == 200


async def test_a_nul_in_the_token_is_refused(shared: Engine) -> None:
    answer = await ask(shared, "GET /v1/health HTTP/1.1", host(shared), AUTHORIZATION + b"\0")

    assert answer.status in (400, 401)


@pytest.mark.parametrize(
    "name",
    [
        "evil.test:{port}",
        "127.0.0.1:{other}",
        "127.0.0.1",
        "localhost",
        "127.0.0.1.:{port}",
        "localhost.:{port}",
        "user@127.0.0.1:{port}",
        "127.0.0.1:{port}@evil.test",
        "localhost:{port}.evil.test",
        "127.0.0.1.evil.test:{port}",
        "127.0.0.2:{port}",
        "127.1:{port}",
        "2130706433:{port}",
        "0.0.0.0:{port}",
        "[::1]:{port}",
        "[::ffff:127.0.0.1]:{port}",
        "127.0.0.1:0{port}",
        "127.0.0.1:{port}, evil.test",
        "http://127.0.0.1:{port}",
        "127\u00b70\u00b70\u00b71:{port}",
        "",
    ],
)
async def test_a_host_that_is_not_this_engine_is_refused_whoever_asks(shared: Engine, name: str) -> None:
    header = b"Host: " + name.format(port=shared.port, other=shared.port ^ 1).encode("latin-1")
    origin = b"Origin: " + ALLOWED
    for line, headers in (
        ("GET /v1/health HTTP/1.1", (AUTHORIZATION,)),
        ("GET /v1/health HTTP/1.0", (AUTHORIZATION,)),
        ("GET /v1/health HTTP/1.1", ()),
        ("GET /v1/nope HTTP/1.1", (AUTHORIZATION,)),
        ("GET /v1/openapi.json HTTP/1.1", (AUTHORIZATION,)),
        ("OPTIONS /v1/jobs HTTP/1.1", (origin,)),
        ("GET /v1/health HTTP/1.1", (AUTHORIZATION, f"X-Forwarded-Host: 127.0.0.1:{shared.port}".encode())),
        ("GET /v1/events HTTP/1.1", (AUTHORIZATION, *UPGRADE)),
        ("GET /v1/nope HTTP/1.1", (AUTHORIZATION, *UPGRADE)),
    ):
        answer = await ask(shared, line, header, *headers)

        assert answer.status == 403, line
        assert error_in(answer)["code"] == "FORBIDDEN"
        assert SECURITY.items() <= answer.headers.items()
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("name", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}"])
async def test_the_engine_answers_to_its_names(shared: Engine, name: str) -> None:
    header = b"Host: " + name.format(port=shared.port).encode()

    assert (await ask(shared, "GET /v1/health HTTP/1.1", header, AUTHORIZATION)).status == 200


async def test_a_request_without_a_host_or_with_two_is_refused(shared: Engine) -> None:
    for upgrade in ((), UPGRADE):
        none = await ask(shared, "GET /v1/events HTTP/1.1", AUTHORIZATION, *upgrade)
        two = await ask(shared, "GET /v1/events HTTP/1.1", host(shared), host(shared), AUTHORIZATION, *upgrade)

        assert (none.status, two.status) == (400, 400)
    old = await ask(shared, "GET /v1/health HTTP/1.0", AUTHORIZATION)
    assert old.status == 403


@pytest.mark.parametrize(
    "target", ["http://evil.test/v1/health", "http://127.0.0.1/v1/health", "*", "evil.test:80"]
)
async def test_a_request_line_that_names_no_path_is_refused(shared: Engine, target: str) -> None:
    for upgrade in ((), UPGRADE):
        answer = await ask(shared, f"GET {target} HTTP/1.1", host(shared), AUTHORIZATION, *upgrade)

        assert answer.status == 403
        assert error_in(answer)["code"] == "FORBIDDEN"


@pytest.mark.parametrize(
    "origin",
    [
        b"null",
        b"",
        b"*",
        b"tauri://localhost.evil.test",
        b"tauri://localhost:80",
        b"tauri://localhost/",
        b"tauri://localhos",
        b"xtauri://localhost",
        b"TAURI://LOCALHOST",
        b"http://tauri.localhost.evil.test",
        b"http://evil.test#http://tauri.localhost",
        b"http://localhost",
        b"http://127.0.0.1",
        b"https://evil.test",
        b"file://",
        b"tauri://localhost, https://evil.test",
        b"\xff",
    ],
)
async def test_an_origin_that_is_not_allowed_is_refused_whoever_asks(shared: Engine, origin: bytes) -> None:
    header = b"Origin: " + origin
    for line, headers in (
        ("GET /v1/health HTTP/1.1", (AUTHORIZATION,)),
        ("GET /v1/health HTTP/1.1", ()),
        ("GET /v1/nope HTTP/1.1", (AUTHORIZATION,)),
        ("POST /v1/speak HTTP/1.1", (AUTHORIZATION,)),
        ("GET /v1/health HTTP/1.1", (AUTHORIZATION, b"Sec-Fetch-Site: same-origin")),
        ("GET /v1/events HTTP/1.1", (AUTHORIZATION, *UPGRADE)),
        ("GET /v1/nope HTTP/1.1", (*UPGRADE,)),
    ):
        answer = await ask(shared, line, host(shared), header, *headers)

        assert answer.status == 403, line
        assert error_in(answer)["code"] == "FORBIDDEN"
        # The page may read this, and nothing else.
        assert answer.headers["access-control-allow-origin"].encode("latin-1") == origin
        assert {name for name in answer.headers if name.startswith("access-control-")} == {
            "access-control-allow-origin"
        }


async def test_a_page_of_another_origin_may_ask_and_is_then_told_that_it_is_not_allowed(shared: Engine) -> None:
    header = b"Origin: https://evil.test"

    may = await ask(
        shared,
        "OPTIONS /v1/jobs HTTP/1.1",
        host(shared),
        header,
        b"Access-Control-Request-Method: GET",
        b"Access-Control-Request-Headers: authorization",
        b"Access-Control-Request-Private-Network: true",
    )
    told = await ask(shared, "GET /v1/jobs HTTP/1.1", host(shared), header, AUTHORIZATION)

    assert (may.status, told.status) == (204, 403)
    assert "access-control-allow-private-network" not in may.headers
    assert may.headers["access-control-allow-origin"] == told.headers["access-control-allow-origin"]
    assert set(json.loads(told.body)) == {"error"}


async def test_a_page_of_a_public_address_may_call_this_machine_if_its_origin_is_allowed(shared: Engine) -> None:
    asked = (b"Origin: " + ALLOWED, b"Access-Control-Request-Method: GET")
    private = b"Access-Control-Request-Private-Network: true"

    plain = await ask(shared, "OPTIONS /v1/jobs HTTP/1.1", host(shared), *asked)
    answer = await ask(shared, "OPTIONS /v1/jobs HTTP/1.1", host(shared), *asked, private)

    assert "access-control-allow-private-network" not in plain.headers
    assert answer.headers["access-control-allow-private-network"] == "true"
    assert "if-range" in answer.headers["access-control-allow-headers"].split(", ")


async def test_two_origins_are_refused_even_when_both_are_allowed(shared: Engine) -> None:
    header = b"Origin: " + ALLOWED

    answer = await ask(shared, "GET /v1/health HTTP/1.1", host(shared), header, header, AUTHORIZATION)

    assert answer.status == 403


@pytest.mark.parametrize("origin", TAURI_ORIGINS)
async def test_an_allowed_origin_may_read_the_answers_even_the_failures(shared: Engine, origin: str) -> None:
    header = f"Origin: {origin}".encode()
    for line, headers, status in (
        ("GET /v1/health HTTP/1.1", (AUTHORIZATION,), 200),
        ("GET /v1/health HTTP/1.1", (), 401),
        ("GET /v1/nope HTTP/1.1", (AUTHORIZATION,), 404),
        ("GET /v1/events HTTP/1.1", UPGRADE, 401),
    ):
        answer = await ask(shared, line, host(shared), header, *headers)

        assert answer.status == status
        assert answer.headers["access-control-allow-origin"] == origin
        assert "origin" in answer.headers["vary"]
        assert "access-control-allow-credentials" not in answer.headers
        exposed = {name.strip() for name in answer.headers["access-control-expose-headers"].split(",")}
        assert exposed >= {"etag", "location", "content-range", "idempotent-replayed"}


async def test_an_allowed_origin_may_follow_a_socket(shared: Engine) -> None:
    header = b"Origin: " + ALLOWED

    answer = await ask(shared, "GET /v1/events HTTP/1.1", host(shared), header, AUTHORIZATION, *UPGRADE)

    assert answer.status == 101


async def test_a_preflight_needs_no_token_and_allows_every_method_of_the_api(shared: Engine) -> None:
    document = await shared.get("/openapi.json")
    methods = {method.upper() for route in document["paths"].values() for method in route}

    for path in ("/v1/jobs", "/v1/nope"):
        answer = await ask(
            shared,
            f"OPTIONS {path} HTTP/1.1",
            host(shared),
            b"Origin: " + ALLOWED,
            b"Access-Control-Request-Method: DELETE",
            b"Access-Control-Request-Headers: authorization, content-type",
        )

        assert answer.status == 204
        assert answer.body == b""
        assert answer.headers["access-control-allow-origin"].encode() == ALLOWED
        assert methods <= {name.strip() for name in answer.headers["access-control-allow-methods"].split(",")}
        allowed = {name.strip() for name in answer.headers["access-control-allow-headers"].split(",")}
        assert allowed >= {"authorization", "content-type", "idempotency-key", "range", "if-none-match"}
        assert "x-stainless-retry-count" in allowed  # of OpenAI's package


async def test_options_without_an_origin_is_not_a_preflight(shared: Engine) -> None:
    without = await ask(shared, "OPTIONS /v1/jobs HTTP/1.1", host(shared))
    with_token = await ask(shared, "OPTIONS /v1/jobs HTTP/1.1", host(shared), AUTHORIZATION)

    assert without.status == 401
    assert with_token.status == 204
    assert set(with_token.headers["allow"].split(", ")) >= {"GET", "OPTIONS"}


async def test_every_answer_has_the_security_headers_and_none_names_the_server(shared: Engine) -> None:
    job = await shared.post("/jobs", {"voice_id": VOICE_ID, "text": "Headers."}, 201)
    await shared.ended(job["job_id"])
    audio = f"/v1/jobs/{job['job_id']}/audio"
    etag = (await shared.http.get(audio)).headers["etag"]
    for method, path, headers, status in (
        ("GET", "/v1/health", {}, 200),
        ("GET", "/v1/openapi.json", {}, 200),
        ("GET", audio, {}, 200),
        ("HEAD", audio, {}, 200),
        ("GET", audio, {"Range": "bytes=0-9"}, 206),
        ("GET", audio, {"Range": "bytes=999999999-"}, 416),
        ("GET", audio, {"If-None-Match": etag}, 304),
        ("OPTIONS", "/v1/jobs", {}, 204),
        ("OPTIONS", "/v1/jobs", {"Origin": ALLOWED.decode()}, 204),
        ("POST", "/v1/speak", {}, 400),
        ("GET", "/v1/health", {"Authorization": "no"}, 401),
        ("GET", "/v1/health", {"Origin": "null"}, 403),
        ("GET", "/v1/nope", {}, 404),
        ("PATCH", "/v1/jobs", {}, 405),
    ):
        response = await shared.http.request(method, path, headers=headers)

        assert response.status_code == status, f"{method} {path}"
        assert SECURITY.items() <= dict(response.headers).items()
        assert "server" not in response.headers
        assert "set-cookie" not in response.headers


@pytest.mark.parametrize("offered", ["q3tts.v1, bearer.{}", "q3tts.v1,bearer.{}", "bearer.{}, other, q3tts.v1"])
async def test_a_browser_sends_the_token_as_a_subprotocol_which_is_never_echoed(
    shared: Engine, offered: str
) -> None:
    header = f"Sec-WebSocket-Protocol: {offered.format(TOKEN)}".encode()
    for path in SOCKETS:
        answer = await ask(shared, f"GET {path} HTTP/1.1", host(shared), header, *UPGRADE)

        assert answer.status == 101
        assert answer.headers["sec-websocket-protocol"] == "q3tts.v1"
        assert TOKEN not in repr(answer)


async def test_two_protocol_headers_are_one_list(shared: Engine) -> None:
    headers = (b"Sec-WebSocket-Protocol: q3tts.v1", f"Sec-WebSocket-Protocol: bearer.{TOKEN}".encode())

    answer = await ask(shared, "GET /v1/events HTTP/1.1", host(shared), *headers, *UPGRADE)

    assert answer.status == 101
    assert answer.headers["sec-websocket-protocol"] == "q3tts.v1"


async def test_a_socket_with_the_header_may_ask_for_the_protocol_too(shared: Engine) -> None:
    plain = await ask(shared, "GET /v1/events HTTP/1.1", host(shared), AUTHORIZATION, *UPGRADE)
    asked = await ask(
        shared,
        "GET /v1/events HTTP/1.1",
        host(shared),
        AUTHORIZATION,
        b"Sec-WebSocket-Protocol: chat, q3tts.v1",
        *UPGRADE,
    )

    assert "sec-websocket-protocol" not in plain.headers
    assert asked.headers["sec-websocket-protocol"] == "q3tts.v1"


@pytest.mark.parametrize(
    "offered",
    [
        b"bearer.TOKEN",
        b"q3tts.v1",
        b"q3tts.v2, bearer.TOKEN",
        b"Q3TTS.V1, bearer.TOKEN",
        b"q3tts.v1, bearer.",
        b"q3tts.v1, bearer",
        b"q3tts.v1, TOKEN",
        b"q3tts.v1, Bearer.TOKEN",
        b"q3tts.v1, bearer.TOKENx",
        b"q3tts.v1, bearer.bearer.TOKEN",
        b"q3tts.v1, bearer.TOKEN, bearer.TOKEN",
        b"q3tts.v1, bearer.x, bearer.TOKEN",
        b"q3tts.v1 bearer.TOKEN",
        b"q3tts.v1; bearer.TOKEN",
        b"q3tts.v1, bearer.TOKEN y",
        b'"q3tts.v1", "bearer.TOKEN"',
        b"q3tts.v1, bearer.\xff\xfe",
        b"\xff",
        b"",
        b",,,",
        b"q3tts.v1, bearer." + b"x" * 8_000,
    ],
)
async def test_a_list_of_protocols_that_does_not_hold_the_token_is_refused(shared: Engine, offered: bytes) -> None:
    header = b"Sec-WebSocket-Protocol: " + offered.replace(b"TOKEN", TOKEN.encode())

    answer = await ask(shared, "GET /v1/events HTTP/1.1", host(shared), header, *UPGRADE)

    assert answer.status in (400, 401)
    assert "sec-websocket-protocol" not in answer.headers


async def test_a_wrong_header_is_not_made_good_by_a_right_protocol(shared: Engine) -> None:
    protocols = f"Sec-WebSocket-Protocol: q3tts.v1, bearer.{TOKEN}".encode()

    answer = await ask(
        shared, "GET /v1/events HTTP/1.1", host(shared), b"Authorization: Bearer x", protocols, *UPGRADE
    )

    assert answer.status == 401


async def test_the_protocol_carries_the_token_for_sockets_only(shared: Engine) -> None:
    protocols = f"Sec-WebSocket-Protocol: q3tts.v1, bearer.{TOKEN}".encode()

    assert (await ask(shared, "GET /v1/health HTTP/1.1", host(shared), protocols)).status == 401


async def test_a_socket_on_a_route_that_has_none_is_denied(shared: Engine, paths: list[str]) -> None:
    for path in paths:
        if path in SOCKETS:
            continue

        answer = await ask(shared, f"GET {path} HTTP/1.1", host(shared), AUTHORIZATION, *UPGRADE)

        assert 400 <= answer.status < 500, path


async def test_plain_http_on_a_socket_route_is_a_method_not_allowed(shared: Engine) -> None:
    for path in SOCKETS:
        for method in ("GET", "PUT", "DELETE"):
            answer = await ask(shared, f"{method} {path} HTTP/1.1", host(shared), AUTHORIZATION)

            assert answer.status == 405
            assert error_in(answer)["code"] == "METHOD_NOT_ALLOWED"


async def test_no_method_on_any_route_is_a_defect(shared: Engine, paths: list[str]) -> None:
    async with wire(shared) as connection:
        for path in paths:
            for method in ("HEAD", "PATCH", "TRACE", "CONNECT", "PROPFIND", "get"):
                answer = await connection.ask(f"{method} {path} HTTP/1.1", host(shared), AUTHORIZATION)

                assert answer.status in (200, 400, 404, 405, 409), f"{method} {path}"
                if answer.status == 405 and method != "HEAD":
                    assert code_in(answer) == "METHOD_NOT_ALLOWED"
                    assert method not in answer.headers.get("allow", "").split(", ")


async def test_a_body_that_says_it_is_too_large_is_refused_unread(shared: Engine) -> None:
    length = f"Content-Length: {MAX_BODY_BYTES + 1}".encode()

    for path in ("/v1/speak", "/v1/nope", "/v1/health"):
        answer = await ask(shared, f"POST {path} HTTP/1.1", host(shared), AUTHORIZATION, length)

        assert answer.status == 413
        assert error_in(answer)["code"] == "TOO_LARGE"
        assert str(MAX_BODY_BYTES) in error_in(answer)["message"]


async def test_a_body_that_does_not_say_how_large_it_is_is_counted(shared: Engine) -> None:
    piece = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    head = (b"POST /v1/speak HTTP/1.1", host(shared), AUTHORIZATION, b"Transfer-Encoding: chunked", b"", b"")
    async with wire(shared) as connection:
        await connection.send(b"\r\n".join(head) + piece * (MAX_BODY_BYTES // 0x100000) + b"1\r\n \r\n")

        answer = await connection.answer()

        assert answer.status == 413
        assert error_in(answer)["code"] == "TOO_LARGE"
    assert (await shared.http.get("/v1/health")).status_code == 200


async def test_a_client_without_a_token_does_not_learn_the_limit(shared: Engine) -> None:
    answer = await ask(shared, "POST /v1/speak HTTP/1.1", host(shared), b"Content-Length: 99999999999")

    assert answer.status == 401


@pytest.mark.parametrize(
    "headers",
    [
        (b"Content-Length: -1",),
        (b"Content-Length: +5",),
        (b"Content-Length: 0x5",),
        (b"Content-Length: 5, 6",),
        (b"Content-Length: 5", b"Content-Length: 6"),
        (b"Content-Length: " + b"9" * 5_000,),
        (b"Transfer-Encoding: gzip",),
        (b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
        (b"X-Folded: a", b" b: c"),
        (b"X-Bad\0: 1",),
        (b"no colon",),
    ],
)
async def test_a_request_that_could_be_read_in_two_ways_is_refused(
    shared: Engine, headers: tuple[bytes, ...]
) -> None:
    answer = await ask(shared, "POST /v1/speak HTTP/1.1", host(shared), AUTHORIZATION, *headers, body=b"hello")

    assert 400 <= answer.status < 500 or answer.status == 501


@pytest.mark.parametrize(("size", "let_in"), [(0, True), (10, True), (11, False), (10**30, False)])
@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_may_be_as_large_as_the_limit_and_no_larger(size: int, let_in: bool, declared: bool) -> None:
    seen = Seen()
    guard = Guard(seen.app, token="t", hosts=["h"], origins=[], max_body_bytes=10)
    length = [(b"content-length", str(size).encode())] if declared else []
    scope = scope_of("http", (b"host", b"h"), (b"authorization", b"Bearer t"), *length)

    answered = await statuses(guard, scope, [b"x" * 5] * (min(size, 100) // 5) + [b"x" * (min(size, 100) % 5)])

    assert answered == ([] if let_in else [413])
    assert seen.body == (b"x" * size if let_in else b"")


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("hosts", [[], [b"h", b"h"], [b"h", b"evil"]])
async def test_a_server_that_lets_two_hosts_or_none_through_does_not_get_round_the_guard(
    kind: str, hosts: list[bytes]
) -> None:
    seen = Seen()
    guard = Guard(seen.app, token="t", hosts=["h"], origins=[])
    scope = scope_of(kind, *[(b"host", name) for name in hosts], (b"authorization", b"Bearer t"))

    assert await statuses(guard, scope, [b""]) == [403]
    assert seen.scope == {}


@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_the_guarded_application_never_sees_the_token(kind: str) -> None:
    seen = Seen()
    guard = Guard(seen.app, token="secret", hosts=["h"], origins=[])
    scope = scope_of(kind, (b"host", b"h"), (b"authorization", b"Bearer secret"), (b"accept", b"*"))
    scope["subprotocols"] = ["q3tts.v1", "bearer.secret"]
    if kind == "websocket":
        scope["headers"].append((b"sec-websocket-protocol", b"q3tts.v1, bearer.secret"))

    await statuses(guard, scope, [b""])

    assert b"secret" not in repr(seen.scope["headers"]).encode()
    assert (b"accept", b"*") in seen.scope["headers"]
    assert kind == "http" or seen.scope["subprotocols"] == ["q3tts.v1"]


class Seen:
    """A guarded application, which keeps what it is given."""

    def __init__(self) -> None:
        self.scope: dict[str, Any] = {}
        self.body = b""

    async def app(self, scope: Any, receive: Any, _send: Any) -> None:
        self.scope = dict(scope)
        if scope["type"] == "websocket":
            return
        body = b""
        while (message := await receive()).get("more_body"):
            body += message["body"]
        self.body = body + message["body"]


def scope_of(kind: str, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": kind, "method": "POST", "path": "/", "headers": list(headers), "subprotocols": []}


async def statuses(guard: Guard, scope: dict[str, Any], body: Iterable[bytes]) -> list[int]:
    """Let a request in; the statuses of what the guard itself answers."""
    pieces = list(body)
    sent: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    async def send(message: Any) -> None:
        if message["type"].endswith("response.start"):
            sent.append(message["status"])

    try:
        await guard(scope, receive, send)
    except Exception as error:  # what Litestar would turn into an answer
        sent.append(getattr(error, "status_code", 0))
    return sent


def without_date(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name != "date"}
