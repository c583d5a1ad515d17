"""Text as a body of its own or in a form, with options in the query, and one request for one WAV file."""

import io
import json
import wave
from typing import Any

import anyio
import httpx
import pytest

from tests.api.asking import finished
from tests.api.raw import error_in
from tests.support.client import PATIENCE_S, Engine
from tests.support.fakes import OTHER_VOICE_ID, VOICE_ID

pytestmark = pytest.mark.anyio

TEXT = "Größe: 5 €.\r\n\r\n  北京\t\U0001f600\n"
OPTIONS = {
    "voice": "voice two",
    "title": "Sizes",
    "rate": "1.5",
    "seed": "7",
    "max_chars": "200",
    "allow_gaps": "true",
}


async def text_of(engine: Engine, job_id: str) -> str:
    return (await engine.http.get(f"/v1/jobs/{job_id}/text")).content.decode()


def is_as_asked(job: dict[str, Any]) -> bool:
    settings = job["settings"]
    return (job["voice_id"], job["title"], job["seed"], job["tags"]) == (
        OTHER_VOICE_ID,
        "Sizes",
        7,
        ["a", "b"],
    ) and (settings["rate"], settings["chunking"], settings["allow_gaps"]) == (1.5, {"max_chars": 200}, True)


async def asked(engine: Engine, status: int = 201, path: str = "/v1/jobs", **kwargs: Any) -> Any:
    response = await engine.http.post(path, **kwargs)
    assert response.status_code == status, response.text
    return response.json() if status < 300 else error_in(response)


@pytest.mark.parametrize(
    ("charset", "content"),
    [
        ("", TEXT.encode()),
        ("; charset=utf-8", TEXT.encode("utf-8-sig")),
        ("", TEXT.encode("utf-16")),
        ("; charset=utf-16le", TEXT.encode("utf-16-le")),
        ("; charset=gb18030", TEXT.encode("gb18030")),
    ],
)
async def test_a_text_is_taken_as_it_is_with_options_in_the_query(
    shared: Engine, charset: str, content: bytes
) -> None:
    headers = {"Content-Type": f"text/plain{charset}"}

    job = await asked(shared, params={**OPTIONS, "tags": ["a", "b"]}, content=content, headers=headers)

    assert await text_of(shared, job["job_id"]) == TEXT
    assert is_as_asked(job)


@pytest.mark.parametrize("as_file", [True, False])
async def test_a_form_is_taken_with_options_among_its_fields_or_in_the_query(shared: Engine, as_file: bool) -> None:
    text = ("sizes.txt", TEXT.encode(), "text/plain") if as_file else (None, TEXT)
    fields = [("text", text), *((name, (None, value)) for name, value in OPTIONS.items())]

    job = await asked(shared, params={"tags": "a"}, files=[*fields, ("tags", (None, "b"))])

    assert await text_of(shared, job["job_id"]) == TEXT
    assert is_as_asked(job)


async def test_what_curl_sends_without_a_header_is_json_or_a_form(shared: Engine) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    one = await asked(shared, content=json.dumps({"text": "As JSON."}), headers=headers)
    two = await asked(shared, data={"text": TEXT, **OPTIONS, "tags": ["a", "b"]})

    assert await text_of(shared, one["job_id"]) == "As JSON."
    assert await text_of(shared, two["job_id"]) == TEXT
    assert is_as_asked(two)


async def test_what_fetch_calls_plain_text_is_the_request_that_it_is(shared: Engine) -> None:
    headers = {"Content-Type": "text/plain;charset=UTF-8"}

    request = await asked(shared, content=json.dumps({"text": "As JSON."}), headers=headers)
    other = await asked(shared, content='{"txt": "As it is."}', headers=headers)

    assert await text_of(shared, request["job_id"]) == "As JSON."
    assert await text_of(shared, other["job_id"]) == '{"txt": "As it is."}'


async def test_a_text_is_spoken_and_put_under_an_id_as_well(shared: Engine) -> None:
    headers = {"Content-Type": "text/plain"}
    job_id = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"

    spoken = await asked(shared, 200, "/v1/speak", params={"voice": "voice two"}, content="Hi.", headers=headers)
    put = await shared.http.put(f"/v1/jobs/{job_id}", params={"seed": 3}, content="Hi.", headers=headers)

    assert spoken["voice_id"] == OTHER_VOICE_ID
    assert (put.status_code, put.json()["seed"]) == (201, 3)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("vioce=x", "vioce"),
        ("voice=nobody", None),
        ("rate=nan", "rate"),
        ("rate=9", "rate"),
        ("max_chars=1", "max_chars"),
        ("seed=1.5", "seed"),
        ("title=a&title=b", "title"),
        ("allow_gaps=perhaps", "allow_gaps"),
        ("formats=wma", "formats[0]"),
        ("text=a", "text"),
        ("chunking=1", "chunking"),
    ],
)
async def test_an_option_that_is_wrong_is_named(shared: Engine, query: str, field: str | None) -> None:
    error = await asked(
        shared, 400 if field else 404, f"/v1/jobs?{query}", content="Hi.", headers={"Content-Type": "text/plain"}
    )

    if field:
        assert [each["field"] for each in error["details"]["fields"]] == [field]


async def test_options_are_given_in_one_place(shared: Engine) -> None:
    json_body = await asked(shared, 400, "/v1/jobs?voice=x", json={"text": "Hi."})
    twice = await asked(shared, 400, "/v1/jobs?seed=1", files={"text": (None, "Hi."), "seed": (None, "2")})

    assert json_body["details"]["fields"][0]["field"] == "voice"
    assert twice["details"]["fields"][0]["field"] == "seed"


@pytest.mark.parametrize(
    ("content_type", "content", "status", "said"),
    [
        ("text/plain", b"Gr\xf6\xdfe", 400, "not UTF-8 at byte 2"),
        ("text/plain; charset=klingon", b"Hi.", 400, "'klingon' is not known"),
        ("text/plain; charset=base64", b"Hi.", 400, "'base64' is not known"),
        ("text/plain; charset=ascii", b"\xff\xff", 400, "not ASCII at byte 0"),
        ("text/plain", b"a\0b", 400, "NUL"),
        ("text/plain", b" \n", 400, "the text is empty"),
        ("multipart/form-data; boundary=x", b"rubbish", 400, "multipart"),
        ("multipart/form-data", b"rubbish", 400, "boundary"),
        ("application/x-www-form-urlencoded", b"voice=x", 400, "text: it is missing"),
        ("application/x-www-form-urlencoded", b"text=a&text=b", 400, "more than once"),
        ("application/pdf", b"%PDF", 415, "application/json, text/plain, multipart/form-data"),
        ("text/html", b"<p>", 415, "application/json, text/plain, multipart/form-data"),
    ],
)
async def test_a_body_that_cannot_be_taken_is_refused_with_what_can(
    shared: Engine, content_type: str, content: bytes, status: int, said: str
) -> None:
    error = await asked(shared, status, content=content, headers={"Content-Type": content_type})

    assert said in error["message"]


async def test_a_field_of_a_form_that_is_not_text_is_reported(shared: Engine) -> None:
    for name in ("text", "title"):
        error = await asked(
            shared, 400, files={"text": (None, "Hi."), name: ("a.txt", b"\xff\xfe\xff", "text/plain")}
        )
        assert error["code"] == "INVALID_REQUEST"
    part = b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\n\xff\xff\r\n--x--\r\n'
    error = await asked(shared, 400, content=part, headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert "UTF-8" in error["message"]


async def test_a_route_that_takes_no_text_says_what_it_takes(shared: Engine) -> None:
    error = await asked(
        shared, 415, "/v1/voices/design", content=b"%PDF", headers={"Content-Type": "application/pdf"}
    )

    assert "application/json" in error["message"]


@pytest.mark.parametrize(
    "asking",
    [
        {"params": {"wait": "true"}},
        {"headers": {"Accept": "audio/wav"}},
        {"headers": {"Accept": "text/html;q=0.1, Audio/X-WAV"}},
    ],
)
async def test_one_request_gives_the_wav_file(shared: Engine, asking: dict[str, Any]) -> None:
    body = {"text": "One line.", "voice_id": VOICE_ID, "seed": 1}

    response = await shared.http.post("/v1/speak", json=body, **asking)

    assert (response.status_code, response.headers["content-type"]) == (200, "audio/wav")
    with wave.open(io.BytesIO(response.content)) as wav:
        assert wav.getparams()[:3] == (1, 2, 24_000)
        assert wav.getnframes() > 0
    again = await shared.http.get(response.headers["content-location"])
    assert again.content == response.content
    assert response.content == await shared.wav(await finished(shared, "One line.", seed=1))


async def test_a_job_that_fails_gives_its_error_with_its_status(shared: Engine) -> None:
    response = await shared.http.post("/v1/speak?wait=true", json={"text": "[error] Not fine."})

    assert response.status_code == 500
    assert error_in(response)["code"] == "INFERENCE_FAILED"


async def running(engine: Engine, title: str) -> str:
    with anyio.fail_after(PATIENCE_S):
        while True:
            for newest in (await engine.get("/jobs?limit=1"))["jobs"]:
                if (await text_of(engine, newest["job_id"])).endswith(title) and newest["status"] == "running":
                    return newest["job_id"]
            await anyio.sleep(0.005)


async def test_a_client_that_goes_cancels_its_job(shared: Engine) -> None:
    job_id = ""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: shared.http.post("/v1/speak?wait=true", json={"text": "[hold:never] Gone."}))
        job_id = await running(shared, "Gone.")
        tasks.cancel_scope.cancel()

    assert (await shared.ended(job_id))["status"] == "canceled"


async def test_a_job_that_somebody_cancels_is_a_conflict(shared: Engine) -> None:
    answers: list[httpx.Response] = []

    async def wait() -> None:
        answers.append(await shared.http.post("/v1/speak?wait=true", json={"text": "[hold:never] Stopped."}))

    with anyio.fail_after(PATIENCE_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            await shared.post("/cancel", {"job_id": await running(shared, "Stopped.")})

    assert answers[0].status_code == 409
    assert error_in(answers[0])["code"] == "WRONG_STATE"
