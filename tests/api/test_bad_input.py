"""No input gives a 500: what has brought down others, on every route, and what a machine can think of."""

import json
import string
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.store.history import is_searchable
from tests.api.raw import AUTHORIZATION, error_in, host, wire
from tests.support.client import Engine
from tests.support.fakes import VOICE_ID
from tests.support.variants import mostly_in_test_long

pytestmark = pytest.mark.anyio

NOBODY = "99999999-9999-4999-8999-999999999999"
BODIES: dict[str, dict[str, Any]] = {
    "POST /v1/speak": {"voice_id": VOICE_ID, "text": "Hello."},
    "POST /v1/cancel": {"job_id": NOBODY},
    "POST /v1/jobs": {"voice_id": VOICE_ID, "text": "Hello."},
    "PUT /v1/jobs/88888888-8888-4888-8888-888888888888": {"voice_id": VOICE_ID, "text": "Hello."},
    f"PATCH /v1/voices/{NOBODY}": {"display_name": "x"},
    "POST /v1/voices/clone": {"display_name": "x", "ref_audio": {"wav_base64": "AAAA"}, "ref_text": "x"},
}
BODILESS = (
    *(f"POST /v1/jobs/{NOBODY}/{verb}" for verb in ("cancel", "pause", "resume", "retry")),
    f"DELETE /v1/jobs/{NOBODY}",
    f"DELETE /v1/voices/{NOBODY}",
)
QUERIES: dict[str, tuple[str, ...]] = {
    "/v1/health": ("unknown",),
    "/v1/voices": ("kind", "model_id", "language", "named"),
    "/v1/jobs": (
        *("status", "lane", "voice_id", "voice", "model_id", "tag", "text", "created_from", "created_before"),
        *("cursor", "limit"),
    ),
    f"/v1/jobs/{NOBODY}": ("unknown",),
    f"/v1/jobs/{NOBODY}/text": ("unknown",),
    f"/v1/jobs/{NOBODY}/chunks": ("start", "limit"),
    f"/v1/jobs/{NOBODY}/artifacts": ("unknown",),
    f"/v1/jobs/{NOBODY}/audio": ("format", "partial"),
    "/v1/openapi.json": ("unknown",),
}
PARAMETERS = sorted({parameter for parameters in QUERIES.values() for parameter in parameters})


def harmless(response: httpx.Response) -> None:
    """No defect, and if it is a failure then in the shape of all failures."""
    assert response.status_code < 500, response.text
    if response.status_code >= 400 and response.request.method != "HEAD":
        error_in(response)


def first_string(body: dict[str, Any]) -> str:
    return next(name for name in ("text", "display_name", "job_id") if name in body)


#: Bodies that are refused whatever the route is.
REFUSED: dict[str, bytes] = {
    "nothing": b"",
    "white space": b" \n",
    "null": b"null",
    "a number": b"1",
    "a string": b'"text"',
    "a list": b"[]",
    "an empty object": b"{}",
    "half an object": b'{"voice_id": ',
    "two objects": b"{}{}",
    "a comma too many": b'{"text": "x",}',
    "single quotes": b"{'text': 'x'}",
    "a comment": b"// x\n{}",
    "NaN": b'{"text": NaN}',
    "Infinity": b'{"text": -Infinity}',
    "invalid UTF-8": b'{"text": "\xff\xfe"}',
    "UTF-16": '{"text": "x"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"text": "x"}',
    "100,000 lists in each other": b"[" * 100_000,
    "100,000 closed lists in each other": b"[" * 100_000 + b"]" * 100_000,
    "100,000 objects in each other": b'{"x":' * 100_000,
    "lists in a field": b'{"text": ' + b"[" * 100_000,
    "objects in an unknown field": b'{"zzz": ' + b'{"x":' * 100_000,
    "a control character in a string": b'{"text": "\x01"}',
    "an unknown escape": b'{"text": "\\q"}',
    "half an escape": b'{"text": "\\u12"}',
    "half of a surrogate pair": b'{"text": "\\ud800"}',
    "the other half of it": b'{"text": "\\udc00 x"}',
    "half of a pair as a name": b'{"\\ud800": 1}',
    "an integer of 5,000 digits": b'{"text": ' + b"9" * 5_000 + b"}",
    "an integer of 2^63": b'{"text": 9223372036854775808}',
    "a number that is too large": b'{"text": 1e999}',
    "a form": b"voice_id=x&text=y",
    "gzip": b"\x1f\x8b\x08\x00" + bytes(20),
    "msgpack": b"\x82\xa4text\xa1x",
}


@pytest.mark.parametrize("route", BODIES)
@pytest.mark.parametrize("name", REFUSED)
async def test_a_body_that_is_not_valid_json_is_refused(shared: Engine, route: str, name: str) -> None:
    method, path = route.split()

    response = await shared.http.request(
        method, path, content=REFUSED[name], headers={"Content-Type": "application/json"}
    )

    assert response.status_code == 400
    assert error_in(response)["code"] == "INVALID_REQUEST"


#: Values that have brought down programs elsewhere, as JSON.
HOSTILE = (
    *("null", "true", "0", "-1", "1.5", "9223372036854775807", "9223372036854775808", "-9223372036854775809"),
    *("1e308", "1e-400", "9" * 5_000, "[]", "{}", '""', '"\\u0000"', '"\\ufeff"', '"\\ud83d\\ude00"'),
    *('"' + "x" * 300_000 + '"', '"../../etc/passwd"', '"%00"', '"\\u202e\\u2066"', '"' + "\\u0301" * 10_000 + '"'),
    *('"nan"', '"1"', '"99999999-9999-4999-8999-99999999999\u0669"', '"\'; DROP TABLE jobs; --"'),
)


#: Those that are not like another one.
DISTINCT = mostly_in_test_long(BODIES, but=("POST /v1/jobs", "POST /v1/voices/clone"))


@pytest.mark.parametrize("route", DISTINCT)
async def test_a_hostile_value_in_any_field_is_not_a_defect(shared: Engine, route: str) -> None:
    method, path = route.split()
    fields = {
        *BODIES[route],
        *("settings", "seed", "language", "title", "tags", "formats", "options", "ref_audio"),
    }
    for field in sorted(fields):
        for value in HOSTILE:
            others = {name: value for name, value in BODIES[route].items() if name != field}
            content = f'{json.dumps(others)[:-1]}, "{field}": {value}}}'.replace("{,", "{")

            response = await shared.http.request(method, path, content=content.encode())

            harmless(response)


@pytest.mark.parametrize("route", BODIES)
@pytest.mark.parametrize(
    "kind",
    ["", "application/json; charset=utf-7", "application/merge-patch+json", "application/x-www-form-urlencoded"],
)
async def test_a_body_without_a_name_of_its_own_is_json(shared: Engine, route: str, kind: str) -> None:
    method, path = route.split()
    headers = [(b"Content-Type", kind.encode("latin-1"))]

    good = await shared.http.request(method, path, content=json.dumps(BODIES[route]), headers=headers)
    bad = await shared.http.request(method, path, content=b"--x\r\n\r\n--x--", headers=headers)

    harmless(good)
    assert good.status_code in (200, 201, 400, 404)
    assert good.status_code != 400 or error_in(good)["code"] == "INVALID_AUDIO"
    assert bad.status_code == 400


@pytest.mark.parametrize("route", BODIES)
@pytest.mark.parametrize("kind", ["application/xml", "audio/wav", "\xff"])
async def test_a_body_of_another_type_is_refused_with_those_there_are(
    shared: Engine, route: str, kind: str
) -> None:
    method, path = route.split()
    headers = [(b"Content-Type", kind.encode("latin-1"))]

    refused = await shared.http.request(method, path, content=json.dumps(BODIES[route]), headers=headers)

    assert refused.status_code == 415
    assert "application/json" in error_in(refused)["message"]


@pytest.mark.parametrize("route", BODILESS)
async def test_a_body_for_a_route_that_takes_none_is_not_read(shared: Engine, route: str) -> None:
    method, path = route.split()
    for content in (b"", b"{}", b"\xff", b"[" * 100_000):
        response = await shared.http.request(method, path, content=content)

        assert response.status_code == 404
        error_in(response)


@pytest.mark.parametrize("path", QUERIES)
async def test_a_hostile_query_is_not_a_defect(shared: Engine, path: str) -> None:
    values = (
        *("", "%00", "%00%00%00", "%ff%fe%fd", "%ED%A0%80", "%", "%zz", "+", "%2B", "'%20OR%201=1", '"', '""""'),
        *("-1", "0", "1e999", "NaN", "-Infinity", "9223372036854775808", "9" * 5_000, "1_000", "0x10", "%D9%A1"),
        *("*", "(((", "AND", "NEAR(a%20b,%201)", "%25", "____", "x" * 20_000, "null", "true", "[]", "{}"),
        *("../../x", "..%2f..%2fx", "2026-01-01", "9999-12-31T23:59:59Z", "0000-00-00", "-2026-01-01T00:00:00Z"),
    )
    for parameter in QUERIES[path]:
        for value in values:
            harmless(await shared.http.get(f"{path}?{parameter}={value}"))
    for query in ("&&&", "=", "=&=", "a" * 20_000, "limit=1&limit=2", "text=abc&text[]=def", "%00=%00", "?" * 100):
        harmless(await shared.http.get(f"{path}?{query}"))


@pytest.mark.parametrize(
    "word",
    [
        "..",
        "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "%00",
        "%ff%fe",
        "%ED%A0%80",
        "x" * 20_000,
        NOBODY + "%00",
        NOBODY[:-1] + "%D9%A9",
        NOBODY + "%0a",
        "{" + NOBODY + "}",
        "urn:uuid:" + NOBODY,
        NOBODY.replace("-", ""),
        "%2f",
        "//",
        ";",
        "'",
        "*",
        "-1",
        "null",
    ],
)
async def test_a_hostile_word_in_a_path_is_not_a_defect(shared: Engine, word: str) -> None:
    async with wire(shared) as connection:
        for route in (
            *("GET /v1/jobs/{}", "DELETE /v1/jobs/{}", "GET /v1/jobs/{}/audio", "POST /v1/jobs/{}/retry"),
            *("GET /v1/voices/{}", "DELETE /v1/voices/{}", "GET /v1/{}", "GET /{}", "HEAD /v1/jobs/{}/audio"),
        ):
            line = f"{route.format(word)} HTTP/1.1"

            answer = await connection.ask(line, host(shared), AUTHORIZATION)

            # Empty segments of a path count for nothing: 200 for the list, 400 for deleting all of it unasked.
            assert answer.status in (200, 400, 404, 405), line
            if answer.status >= 400 and not line.startswith("HEAD"):
                error_in(answer)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Idempotency-Key", b"\xff\xfe\xfd"),
        ("Idempotency-Key", b"'; DROP TABLE jobs; --"),
        ("Accept", b"text/html"),
        ("Accept", b"\xff"),
        ("Accept-Encoding", b"gzip, br, *;q=0"),
        ("Cookie", b"a=b; \xff; ;;="),
        ("Content-Encoding", b"gzip"),
        ("Expect", b"200-maybe"),
        ("Connection", b"Upgrade"),
        ("Upgrade", b"h2c"),
        ("X-HTTP-Method-Override", b"DELETE"),
        ("X-Forwarded-For", b"\xff"),
        ("If-Modified-Since", b"never"),
        ("Content-Type", b"\xff/\xff; charset=\xff"),
    ],
)
async def test_a_hostile_header_is_not_a_defect(shared: Engine, name: str, value: bytes) -> None:
    headers = [(name.encode(), value)]

    harmless(await shared.http.get("/v1/health", headers=headers))
    harmless(await shared.http.get("/v1/jobs", headers=headers))
    harmless(await shared.http.get(f"/v1/jobs/{NOBODY}/audio", headers=headers))
    harmless(await shared.http.post("/v1/jobs", json={"voice_id": VOICE_ID, "text": str(uuid4())}, headers=headers))


async def test_a_client_that_goes_in_the_middle_of_its_body_is_nobodys_defect(
    shared: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    for route in BODIES:
        async with wire(shared) as connection:
            lines = (f"{route} HTTP/1.1".encode(), host(shared), AUTHORIZATION, b"Content-Length: 100", b"", b"{")
            await connection.send(b"\r\n".join(lines))
    await shared.get("/health")

    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_request_that_is_not_http_is_refused_and_the_engine_goes_on(shared: Engine) -> None:
    for data in (
        b"\0\0\0\0\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /v1/health\r\n\r\n",
        b"GET /v1/health HTTP/9.9\r\n\r\n",
        b"GET /v1 /health HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 100 + b"\r\n\r\n",
    ):
        async with wire(shared) as connection:
            await connection.send(data)

            assert (await connection.answer()).status in (400, 403, 505)
    assert (await shared.http.get("/v1/health")).status_code == 200


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    [
        *("voice_id", "text", "language", "settings", "seed", "formats", "title", "tags", "job_id"),
        *("display_name", "ref_audio", "ref_text", "options"),
    ]
)
SETTINGS = st.dictionaries(st.sampled_from(["rate", "pitch", "volume", "chunking"]), JSON, max_size=4)
#: A request takes a hundred times as long as a call.
FUZZ = settings(
    max_examples=settings().max_examples // 5,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.mark.fuzz
@FUZZ
@given(route=st.sampled_from(list(BODIES)), changes=st.dictionaries(FIELDS, JSON | SETTINGS, max_size=3))
async def test_no_change_to_a_body_is_a_defect(shared: Engine, route: str, changes: dict[str, Any]) -> None:
    method, path = route.split()

    response = await shared.http.request(method, path, json={**BODIES[route], **changes})

    harmless(response)


@pytest.mark.fuzz
@FUZZ
@given(
    route=st.sampled_from(list(BODIES)), content=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value))
)
async def test_no_body_at_all_is_a_defect(shared: Engine, route: str, content: bytes | str) -> None:
    method, path = route.split()

    response = await shared.http.request(method, path, content=content)

    harmless(response)
    assert response.status_code == 400


@pytest.mark.fuzz
@FUZZ
@given(
    path=st.sampled_from(list(QUERIES)),
    query=st.lists(st.tuples(st.sampled_from(PARAMETERS) | st.text(max_size=5), st.text(max_size=30)), max_size=4),
)
async def test_no_query_is_a_defect(shared: Engine, path: str, query: list[tuple[str, str]]) -> None:
    harmless(await shared.http.get(f"{path}?{urlencode(query)}"))


@pytest.mark.fuzz
@FUZZ
@given(
    search=st.text(min_size=1, max_size=20) | st.text(alphabet="\"*()^:-+ANDORT{} \0'%_", min_size=3, max_size=20)
)
async def test_no_search_is_a_defect(shared: Engine, search: str) -> None:
    response = await shared.http.get("/v1/jobs", params={"text": search})

    harmless(response)
    assert response.status_code == (200 if is_searchable(search) and "\0" not in search else 400)


@pytest.mark.fuzz
@FUZZ
@given(
    header=st.text(alphabet=string.printable.strip(), max_size=40)
    | st.text(alphabet="bytes=-0123456789, ", max_size=20)
)
async def test_no_range_is_a_defect(shared: Engine, header: str) -> None:
    for name in ("Range", "If-Range", "If-None-Match"):
        headers = {name: header.strip()}

        harmless(await shared.http.get(f"/v1/jobs/{NOBODY}/audio?partial=true", headers=headers))


@pytest.mark.fuzz
@FUZZ
@given(text=st.text(max_size=300))
async def test_every_text_is_spoken_or_refused(shared: Engine, text: str) -> None:
    response = await shared.http.post("/v1/jobs", json={"voice_id": VOICE_ID, "text": text})

    harmless(response)
    assert (response.status_code == 201) == bool(text.strip() and "\0" not in text)
