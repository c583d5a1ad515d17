"""`POST /v1/audio/speech`: OpenAI's request, answered while the job is being spoken."""

import asyncio
import base64
import json
import struct
from contextlib import AsyncExitStack, suppress
from typing import Any

import anyio
import httpx
import msgspec
import pytest

from app.models.spec import ModelSpec
from tests.api.asking import finished
from tests.api.conftest import Opener
from tests.conftest import Starter
from tests.support.client import PATIENCE_S, Engine, audio_of
from tests.support.fakes import OTHER_VOICE_ID, VOICE_ID

pytestmark = pytest.mark.anyio

PATH = "/v1/audio/speech"
MEDIA_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
#: What the files begin with.
MAGIC = {"mp3": b"ID3", "opus": b"OggS", "aac": b"\xff\xf1", "flac": b"fLaC", "wav": b"RIFF"}


async def asked(engine: Engine, text: str, *, key: str | None = None, **fields: Any) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await engine.http.post(PATH, json={"model": "tts-1", "input": text, **fields}, headers=headers)


async def first_bytes(response: httpx.Response) -> bytes:
    with anyio.fail_after(PATIENCE_S):
        return await anext(response.aiter_raw())


async def job_of(engine: Engine, response: httpx.Response) -> dict[str, Any]:
    return await engine.get(f"/jobs/{response.headers['x-request-id']}")


@pytest.mark.parametrize("format", MEDIA_TYPES)
async def test_each_format_is_sent_as_what_it_is(shared: Engine, format: str) -> None:
    response = await asked(shared, f"Now in {format}.", voice="alloy", response_format=format)

    assert (response.status_code, response.headers["content-type"]) == (200, MEDIA_TYPES[format])
    assert response.content.startswith(MAGIC.get(format, b""))
    assert len(response.content) > 1_000


async def test_the_format_is_mp3_when_none_is_named(shared: Engine) -> None:
    assert (await asked(shared, "Which one?")).headers["content-type"] == "audio/mpeg"


async def test_the_samples_are_those_of_the_job(shared: Engine) -> None:
    pcm = await asked(shared, "The same samples.", response_format="pcm")
    job_id = pcm.headers["x-request-id"]

    assert pcm.content == audio_of(await shared.events(job_id))
    assert pcm.headers["content-location"] == f"/v1/jobs/{job_id}/audio"
    wav = await asked(shared, "The same samples.", response_format="wav", seed=(await job_of(shared, pcm))["seed"])
    assert wav.content[44:] == pcm.content
    assert struct.unpack("<I", wav.content[24:28]) == (24_000,)


async def test_a_request_is_a_speak_job_in_the_history(shared: Engine) -> None:
    response = await asked(shared, "In the history.", voice={"id": OTHER_VOICE_ID}, speed=1.5, model="fake")

    job = await job_of(shared, response)
    assert (job["lane"], job["status"], job["voice_id"]) == ("speak", "completed", OTHER_VOICE_ID)
    assert job["settings"]["rate"] == 1.5


@pytest.mark.parametrize("voice", [VOICE_ID, "Voice One", "one", {"id": "Voice One"}, VOICE_ID[:9]])
async def test_a_voice_goes_by_all_its_names(shared: Engine, voice: Any) -> None:
    assert (await job_of(shared, await asked(shared, "Whose?", voice=voice)))["voice_id"] == VOICE_ID


@pytest.mark.parametrize("model", ["tts-1", "tts-1-hd", "gpt-4o-mini-tts", "gpt-4o-mini-tts-2025-12-15", "fake"])
async def test_names_of_openais_models_mean_the_active_one(shared: Engine, model: str) -> None:
    assert (await job_of(shared, await asked(shared, "Which model?", model=model)))["model_id"] == "fake"


async def test_what_other_servers_take_is_ignored_and_named(shared: Engine) -> None:
    response = await asked(shared, "Extras.", stream=True, lang_code="a", instructions=None, speed=None)

    assert response.status_code == 200
    assert response.headers["x-ignored-fields"] == "lang_code, stream"


WRONG = {
    "input": ({"input": None}, 400, "invalid_request", "input"),
    "an empty text": ({"input": " "}, 400, "empty_text", "input"),
    "a voice": ({"voice": "nobody"}, 404, "voice_not_found", "voice"),
    "a model": ({"model": "gpt-5"}, 404, "model_not_found", "model"),
    "slow": ({"speed": 0.25}, 400, "invalid_request", "speed"),
    "fast": ({"speed": 4.0}, 400, "invalid_request", "speed"),
    "a format": ({"response_format": "ogg"}, 400, "invalid_request", "response_format"),
    "instructions": ({"instructions": "In a whisper."}, 400, "invalid_request", "instructions"),
    "a language": ({"language": "?"}, 400, "invalid_request", "language"),
    "the model fails": ({"input": "[error] Nothing."}, 500, "inference_failed", None),
}


@pytest.mark.parametrize(
    ("ignored", "why"),
    [
        (b'"\xff": 1', "no JSON"),
        (b'"x": ' + b"[" * 20_000 + b"]" * 20_000, "nested too deeply"),
        (b'"x": "\\ud83d"', "half of a surrogate pair"),
    ],
)
async def test_a_field_that_nobody_can_read_is_refused_even_if_it_would_be_ignored(
    shared: Engine, ignored: bytes, why: str
) -> None:
    response = await shared.http.post(PATH, content=b'{"input": "Hello.", ' + ignored + b"}")

    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_request")
    assert why in response.json()["error"]["message"]


@pytest.mark.parametrize("what", WRONG)
async def test_a_failure_before_the_first_sound_is_told_as_openai_does(shared: Engine, what: str) -> None:
    fields, status, code, param = WRONG[what]
    response = await asked(shared, **{"text": "Fine.", **fields})  # type: ignore[arg-type]

    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (response.status_code, error["code"], error["param"]) == (status, code, param)
    assert error["type"] == ("server_error" if status >= 500 else "invalid_request_error")
    assert response.headers["x-should-retry"] == "false"


async def test_a_speed_that_only_openai_has_is_refused_with_what_there_is(shared: Engine) -> None:
    assert "0.5 to 2.0" in (await asked(shared, "Faster!", speed=3)).json()["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "code"),
    [
        ("POST", PATH, {"Authorization": "Bearer wrong"}, 401, "invalid_api_key"),
        ("POST", PATH, {"Content-Type": "text/csv"}, 415, "invalid_request"),
        ("GET", PATH, {}, 405, "method_not_allowed"),
        ("GET", "/v1/audio/transcriptions", {}, 404, "not_found"),
        ("GET", "/v1/audio/voices?a=b", {}, 400, "invalid_request"),
        ("GET", "/v1/audio/voices", {"Origin": "https://example.org"}, 403, "forbidden"),
    ],
)
async def test_every_failure_of_these_routes_has_openais_shape(
    shared: Engine, method: str, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    response = await shared.http.request(method, path, headers=headers, content=b"{}" if method == "POST" else None)

    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert set(response.json()["error"]) == {"message", "type", "param", "code"}


async def test_instructions_are_how_a_model_speaks_that_listens_to_them(open_engine: Opener) -> None:
    def listening(entry: ModelSpec) -> ModelSpec:
        card = msgspec.structs.replace(entry.card, supports_instruct=True)
        return msgspec.structs.replace(entry, card=card)

    async with open_engine(listening) as engine:
        job = await job_of(engine, await asked(engine, "Psst.", instructions="In a whisper."))
        assert job["settings"]["instruct"] == "In a whisper."


async def test_a_failure_after_the_first_sound_breaks_the_connection_off(shared: Engine) -> None:
    with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
        await asked(shared, "[length] This will not come to its end, however much is said.", response_format="pcm")


async def test_the_client_that_leaves_cancels_the_job(shared: Engine) -> None:
    body = {"input": "[hold:never] Nobody hears the rest of it, since nobody is there.", "response_format": "pcm"}
    async with shared.http.stream("POST", PATH, json=body) as response:
        assert await first_bytes(response)
        job_id = response.headers["x-request-id"]

    assert (await shared.ended(job_id))["status"] == "canceled"


async def test_the_client_that_leaves_before_the_first_sound_cancels_the_job(shared: Engine) -> None:
    held = [
        (await shared.post("/speak", {"text": "[hold:crowd] Wait.", "voice_id": VOICE_ID}))["job_id"]
        for _ in range(8)
    ]
    for job_id in held:
        await shared.until(job_id, "running")
    leaving = asyncio.create_task(asked(shared, "Nobody waits for me."))
    with anyio.fail_after(PATIENCE_S):
        while not (queued := (await shared.get("/jobs?status=queued"))["jobs"]):
            await anyio.sleep(0.02)
    leaving.cancel()

    assert (await shared.ended(queued[0]["job_id"]))["status"] == "canceled"
    shared.release("crowd")
    for job_id in held:
        await shared.ended(job_id)


async def test_a_key_that_comes_again_joins_the_job_that_is_being_spoken(shared: Engine) -> None:
    text = "[hold:joined] Said once, and heard twice, whatever became of the first listener."
    body, key = {"input": text, "response_format": "pcm"}, {"Idempotency-Key": "joined"}
    async with AsyncExitStack() as first, shared.http.stream("POST", PATH, json=body, headers=key) as joined:
        made = await first.enter_async_context(shared.http.stream("POST", PATH, json=body, headers=key))
        pieces = joined.aiter_raw()
        heard = await anext(pieces)
        assert await first_bytes(made)
        await first.aclose()
        shared.release("joined")
        heard += b"".join([piece async for piece in pieces])

    job = await job_of(shared, joined)
    assert made.headers["x-request-id"] == job["job_id"]
    assert job["status"] == "completed"
    assert heard == audio_of(await shared.events(job["job_id"]))


async def test_a_key_whose_job_was_given_up_speaks_anew_and_one_that_was_completed_does_not(shared: Engine) -> None:
    body = {"input": "[hold:given_up] Twice, then.", "response_format": "pcm"}
    async with shared.http.stream("POST", PATH, json=body, headers={"Idempotency-Key": "twice"}) as first:
        assert await first_bytes(first)
    given_up = await shared.until(first.headers["x-request-id"], "canceled")
    shared.release("given_up")
    second = await shared.http.post(PATH, json=body, headers={"Idempotency-Key": "twice"})
    third = await shared.http.post(PATH, json=body, headers={"Idempotency-Key": "twice"})
    other = await shared.http.post(PATH, json={"input": "Another."}, headers={"Idempotency-Key": "twice"})

    assert (await shared.get(f"/jobs/{given_up['job_id']}"))["status"] == "canceled"
    assert second.headers["x-request-id"] != first.headers["x-request-id"]
    assert third.headers["x-request-id"] == second.headers["x-request-id"]
    assert third.content == second.content
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_conflict")


def events_of(text: str) -> list[tuple[str, Any]]:
    events: list[tuple[str, Any]] = []
    for block in text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        events.append((fields.get("event", ""), json.loads(fields["data"])))
    return events


async def test_server_sent_events_carry_the_same_audio(shared: Engine) -> None:
    response = await asked(shared, "In events.", response_format="pcm", stream_format="sse")

    *deltas, (_, done) = events_of(response.text)
    job = await job_of(shared, response)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert {event["type"] for _, event in deltas} == {"speech.audio.delta"}
    pcm = b"".join(base64.b64decode(event["audio"]) for _, event in deltas)
    assert pcm == audio_of(await shared.events(job["job_id"]))
    frames = round(len(pcm) / 2 / 1_920)
    assert done == {
        "type": "speech.audio.done",
        "usage": {"input_tokens": 10, "output_tokens": frames, "total_tokens": 10 + frames},
    }


async def test_a_failure_among_events_is_one_and_breaks_the_connection_off(shared: Engine) -> None:
    text, came = "[length] This will not come to its end, however much is said.", ""
    body = {"input": text, "response_format": "pcm", "stream_format": "sse"}
    async with shared.http.stream("POST", PATH, json=body) as response:
        with suppress(httpx.RemoteProtocolError):
            async for piece in response.aiter_text():
                came += piece
            raise AssertionError("it came to an end")

    name, last = events_of(came)[-1]
    assert (name, last["error"]["code"]) == ("error", "inference_failed")


async def test_the_voices_are_listed_by_id_and_name(shared: Engine) -> None:
    voices = (await shared.get("/audio/voices"))["voices"]

    assert voices[0] == {"id": VOICE_ID, "name": "Voice One", "model": "fake", "language": "en"}


async def test_the_voices_of_one_model_are_listed(shared: Engine) -> None:
    every = await shared.get("/audio/voices")

    assert await shared.get("/audio/voices?model=tts-1") == await shared.get("/audio/voices?model=fake") == every
    assert (await shared.get("/audio/voices?model=nobody", 404))["error"]["code"] == "model_not_found"


async def test_the_list_of_models_has_both_shapes(shared: Engine) -> None:
    listed = await shared.get("/models")

    assert listed["object"] == "list"
    assert listed["data"] == [{"id": "fake", "object": "model", "created": 0, "owned_by": "q3tts"}]
    assert "fake" in [model["model_id"] for model in listed["models"]]


async def test_a_key_whose_job_ended_with_its_engine_speaks_anew(start: Starter) -> None:
    body = {"input": "[hold:restart] The engine stops, and the client asks the next one.", "response_format": "pcm"}
    key = {"Idempotency-Key": "restarted"}
    async with start() as engine, engine.http.stream("POST", PATH, json=body, headers=key) as first:
        assert await first_bytes(first)
        await engine.parts.scheduler.shut_down()
    async with start() as engine:
        engine.release("restart")
        second = await engine.http.post(PATH, json=body, headers=key)

        assert (await job_of(engine, first))["status"] in ("failed", "canceled")
        assert (await job_of(engine, second))["status"] == "completed"


async def test_the_engine_stops_while_somebody_listens(open_engine: Opener) -> None:
    async with open_engine(lambda entry: entry) as engine:
        await finished(engine)
        body = {"input": "[hold:never] The engine stops before this is said to its end.", "response_format": "pcm"}
        async with engine.http.stream("POST", PATH, json=body) as response:
            pieces = response.aiter_raw()
            assert await anext(pieces)
            await engine.parts.scheduler.shut_down()
            engine.parts.logs.cut_off()
            with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
                async for _ in pieces:
                    pass
