"""Every error code, at the interface that gives it, with its status and in the one shape."""

import asyncio
import base64
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from app import errors
from app.api.problems import HTTP_CODES, status_of
from app.audio.recordings.decoder import RecordingDecoder
from app.audio.recordings.reference import Recording
from app.inference.model import VoiceKind
from app.models.spec import ModelSpec
from app.store.rows import Voice
from tests.api.asking import finished, job_in, render
from tests.api.conftest import Opener
from tests.api.raw import error_in
from tests.support.client import Engine, next_event
from tests.support.fakes import VOICE_ID

pytestmark = pytest.mark.anyio

NOBODY = "99999999-9999-4999-8999-999999999999"

#: Reported by another interface than HTTP.
ELSEWHERE = (errors.StartFailed, errors.NotRunning, errors.NoSpeakers)

STATUSES = {
    "INTERNAL": 500,
    "INVALID_REQUEST": 400,
    "EMPTY_TEXT": 400,
    "INVALID_AUDIO": 400,
    "TRANSCRIPT_REQUIRED": 400,
    "UNAUTHORIZED": 401,
    "FORBIDDEN": 403,
    "VOICE_NOT_FOUND": 404,
    "JOB_NOT_FOUND": 404,
    "MODEL_NOT_FOUND": 404,
    "CONFLICT": 409,
    "MODEL_NOT_READY": 409,
    "JOB_NOT_COMPLETED": 409,
    "WRONG_STATE": 409,
    "IDEMPOTENCY_CONFLICT": 409,
    "COUNT_CHANGED": 409,
    "INFERENCE_FAILED": 500,
    "ENGINE_RESTARTED": 503,
    "OVERLOADED": 503,
    "STORAGE_FAILED": 507,
}


def every(kind: type[errors.SpeechError]) -> Iterator[type[errors.SpeechError]]:
    """Of the engine: the command line has some for what it is told."""
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from every(child)


async def refused(
    engine: Engine, method: str, path: str, status: int, code: str, body: Any = None, **kwargs: Any
) -> dict[str, Any]:
    """Ask for something that is refused so; the error."""
    response = await engine.http.request(method, f"/v1{path}", json=body, **kwargs)
    assert response.status_code == status, response.text
    error = error_in(response)
    assert error["code"] == code, error
    return error


async def heard(*_: Any, normalize: bool) -> Recording:
    """A recording that is in order, whatever was sent."""
    return Recording(bytes(2 * 24_000), -20.0)


async def swept() -> None:
    """Wait until the engine has removed what has no row: what a test puts there from now on stays."""
    for task in asyncio.all_tasks():
        if task.get_name() == "sweep":
            await asyncio.wait({task})


def without_clone(entry: ModelSpec) -> ModelSpec:
    return msgspec.structs.replace(entry, card=msgspec.structs.replace(entry.card, supports_clone=False))


def test_every_error_of_the_engine_has_the_status_that_clients_are_told() -> None:
    kinds = [kind for kind in every(errors.SpeechError) if kind not in ELSEWHERE]

    assert {kind.code: status_of(kind()) for kind in kinds} == STATUSES


def test_every_error_says_by_default_what_is_wrong_in_the_style_of_all_messages() -> None:
    for kind in every(errors.SpeechError):
        if kind is not errors.StartFailed:
            message = kind().message

            assert message.lower() == (kind.__doc__ or "").strip().removesuffix(".").lower() != ""
            assert message[0].islower()


def test_codes_of_failures_before_the_engine_are_codes_of_the_engine_or_its_own() -> None:
    assert set(HTTP_CODES.values()) - set(STATUSES) == {"NOT_FOUND", "METHOD_NOT_ALLOWED", "TOO_LARGE"}


@pytest.mark.parametrize("path", ["/speak", "/jobs"])
@pytest.mark.parametrize("text", ["", " ", "\n\t \r\n", "\u3000\u2003\u00a0"])
async def test_a_text_of_white_space_is_empty(shared: Engine, path: str, text: str) -> None:
    error = await refused(shared, "POST", path, 400, "EMPTY_TEXT", {"voice_id": VOICE_ID, "text": text})

    assert "at least one character" in error["message"]


@pytest.mark.parametrize("path", ["/speak", "/jobs", f"/jobs/{NOBODY}"])
async def test_a_voice_that_does_not_exist_is_not_found_and_nothing_is_queued(shared: Engine, path: str) -> None:
    method = "PUT" if NOBODY in path else "POST"

    error = await refused(shared, method, path, 404, "VOICE_NOT_FOUND", {"voice_id": NOBODY, "text": "Hello."})

    assert error["details"] == {"voice_id": NOBODY}
    assert "GET /v1/voices" in error["message"]
    assert (await shared.get("/jobs", params={"voice_id": NOBODY}))["jobs"] == []


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("DELETE", "")])
async def test_asking_for_a_voice_that_does_not_exist_is_not_found(shared: Engine, method: str, path: str) -> None:
    error = await refused(shared, method, f"/voices/{NOBODY}{path}", 404, "VOICE_NOT_FOUND")

    assert error["details"] == {"voice_id": NOBODY}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("DELETE", ""),
        ("GET", "/chunks"),
        ("GET", "/artifacts"),
        ("GET", "/audio"),
        ("GET", "/audio?partial=true"),
        ("POST", "/cancel"),
        ("POST", "/pause"),
        ("POST", "/resume"),
        ("POST", "/retry"),
    ],
)
async def test_asking_for_a_job_that_does_not_exist_is_not_found(shared: Engine, method: str, path: str) -> None:
    error = await refused(shared, method, f"/jobs/{NOBODY}{path}", 404, "JOB_NOT_FOUND")

    assert error["details"] == {"job_id": NOBODY}
    assert not (shared.data_dir / "jobs" / NOBODY).exists()


async def test_canceling_a_job_that_does_not_exist_is_not_found(shared: Engine) -> None:
    await refused(shared, "POST", "/cancel", 404, "JOB_NOT_FOUND", {"job_id": NOBODY})


@pytest.mark.parametrize("kind", [VoiceKind.CLONE, VoiceKind.DESIGN])
@pytest.mark.parametrize("path", ["/speak", "/jobs"])
async def test_a_voice_of_a_model_that_is_not_here_is_not_exchanged_for_one_of_another(
    shared: Engine, path: str, kind: VoiceKind
) -> None:
    await swept()
    voice_id = str(uuid4())
    recording = shared.data_dir / "voices" / voice_id / "reference.wav"
    recording.parent.mkdir()
    recording.touch()
    await shared.parts.stores.voices.add(
        Voice(
            id=voice_id,
            kind=kind,
            display_name="Foreign",
            model_id="another",
            name="",
            language_hint=None,
            created_at=1,
        )
    )

    error = await refused(shared, "POST", path, 409, "MODEL_NOT_READY", {"voice_id": voice_id, "text": "Hello."})

    assert error["details"] == {"model_id": "another"}
    assert error["message"] == "the model another is not on this machine"
    assert (await shared.get("/jobs", params={"voice_id": voice_id}))["jobs"] == []


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("DELETE", ""), *(("POST", f"/{verb}") for verb in ("download", "cancel", "activate", "unload"))],
)
async def test_asking_for_a_model_that_does_not_exist_is_not_found(shared: Engine, method: str, path: str) -> None:
    error = await refused(shared, method, f"/models/nobody{path}", 404, "MODEL_NOT_FOUND")

    assert error["details"] == {"model_id": "nobody"}
    assert "GET /v1/models" in error["message"]


async def test_a_model_that_cannot_clone_says_so_once_the_recording_is_in_order(
    open_engine: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    wav = base64.b64encode(b"RIFF\0\0\0\0WAVE" + bytes(80)).decode()
    body = {"display_name": "Me", "ref_audio": {"wav_base64": wav}}
    async with open_engine(without_clone) as engine:
        await refused(engine, "POST", "/voices/clone", 400, "INVALID_AUDIO", body)

        monkeypatch.setattr(RecordingDecoder, "listen", heard)
        error = await refused(engine, "POST", "/voices/clone", 409, "MODEL_NOT_READY", body)

        assert error["details"] == {"model_id": "fake"}
        assert (await engine.get("/health"))["capabilities"]["supports_voice_clone"] is False
        assert (await engine.get("/voices", params={"kind": "clone"}))["voices"] == []


async def test_a_preset_cannot_be_deleted(shared: Engine) -> None:
    await refused(shared, "DELETE", f"/voices/{VOICE_ID}", 403, "FORBIDDEN")

    assert (await shared.get(f"/voices/{VOICE_ID}"))["kind"] == "preset"


async def test_a_failure_of_the_model_is_reported_in_the_job_and_in_its_last_event(shared: Engine) -> None:
    job_id = await render(shared, "[error] It fails.")

    job = await shared.ended(job_id)

    assert job["status"] == "failed"
    assert job["error"]["code"] == "INFERENCE_FAILED"
    assert "asked to fail" in job["error"]["message"]
    async with shared.socket(f"/stream/{job_id}") as socket:
        while (event := await next_event(socket))["type"] != "JOB_ERROR":
            pass
    assert event == {"type": "JOB_ERROR", "job_id": job_id, "error": job["error"]}


async def test_what_a_job_is_not_ready_for_is_a_wrong_state_and_the_message_says_which(shared: Engine) -> None:
    job_id = await finished(shared)

    error = await refused(shared, "POST", f"/jobs/{job_id}/resume", 409, "WRONG_STATE")

    assert "completed" in error["message"]
    assert "paused" in error["message"]


async def test_the_audio_of_a_job_that_is_not_completed_is_refused_with_its_state(shared: Engine) -> None:
    async with job_in(shared, "running") as job_id:
        error = await refused(shared, "GET", f"/jobs/{job_id}/audio", 409, "JOB_NOT_COMPLETED")

    assert error["details"] == {"status": "running"}
    assert "partial=true" in error["message"]


async def test_a_key_that_is_used_for_two_requests_is_a_conflict(shared: Engine) -> None:
    headers = {"Idempotency-Key": "problems"}
    first = await shared.post("/jobs", {"voice_id": VOICE_ID, "text": "One."}, 201, headers=headers)

    error = await refused(
        shared,
        "POST",
        "/jobs",
        409,
        "IDEMPOTENCY_CONFLICT",
        {"voice_id": VOICE_ID, "text": "Two."},
        headers=headers,
    )

    assert error["details"] == {"job_id": first["job_id"]}


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"voice_id": "amy"}, "voice_id", "UUID"),
        ({"voice": ""}, "voice", ">= 1"),
        ({"voice": "Voice Two"}, "voice", "voice_id is given as well"),
        ({"text": "\0 "}, "text", "NUL"),
        ({"text": 5}, "text", "Expected `str`, got `int`"),
        ({"language": "e!"}, "language", "not a known language"),
        ({"language": "Dutsch"}, "language", "perhaps Deutsch or Dutch is meant"),
        ({"settings": {"rate": 2.1}}, "settings.rate", "<= 2.0"),
        ({"settings": {"chunking": {"max_chars": 99}}}, "settings.chunking.max_chars", ">= 100"),
        ({"settings": {"top_p": 0}}, "settings.top_p", "> 0"),
        ({"settings": {"speed": 2.0}}, "settings.speed", "there is no such field; there are rate, pitch,"),
        ({"seed": -1}, "seed", ">= 0"),
        ({"formats": ["wma"]}, "formats[0]", "'wma'; it can be"),
        ({"title": "x" * 201}, "title", "<= 200"),
        ({"tags": [""]}, "tags[0]", ">= 1"),
        ({"txet": "typing mistake"}, "txet", "there is no such field; there are text, voice_id, voice,"),
        ({"settings": {"chunking": {"max": 99}}}, "settings.chunking.max", "there are max_chars"),
    ],
)
async def test_a_field_that_is_wrong_is_named_with_what_would_be_right(
    shared: Engine, change: dict[str, Any], field: str, said: str
) -> None:
    body = {"voice_id": VOICE_ID, "text": "Hello.", **change}

    error = await refused(shared, "POST", "/jobs", 400, "INVALID_REQUEST", body)

    assert said in error["message"]
    assert [each["field"] for each in error["details"]["fields"]] == [field]


@pytest.mark.parametrize(
    ("route", "body", "missing"),
    [
        ("POST /jobs", {"voice_id": VOICE_ID}, "text"),
        ("POST /speak", {}, "text"),
        ("POST /cancel", {}, "job_id"),
        (f"PUT /jobs/{NOBODY}", {}, "text"),
        (f"PATCH /voices/{VOICE_ID}", {}, "display_name"),
        ("POST /voices/clone", {"display_name": "Me"}, "ref_audio"),
        ("POST /voices/clone/transcribe", {}, "ref_audio"),
        ("POST /voices/design", {"display_name": "Me"}, "description"),
    ],
)
async def test_a_field_that_is_missing_is_named(
    shared: Engine, route: str, body: dict[str, Any], missing: str
) -> None:
    method, path = route.split()

    error = await refused(shared, method, path, 400, "INVALID_REQUEST", body)

    assert error["details"]["fields"] == [{"field": missing, "message": "it is missing"}]
    assert f"{missing}: it is missing" in error["message"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=done", "status"),
        ("lane=fast", "lane"),
        ("voice_id=x", "voice_id"),
        ("limit=0", "limit"),
        ("limit=x", "limit"),
        ("text=a", "text"),
        ("text=abc%00", "text"),
        ("cursor=x", "cursor"),
        ("created_from=0.5", "created_from"),
        (f"voice={VOICE_ID}&voice_id={VOICE_ID}", "voice"),
    ],
)
async def test_a_parameter_that_is_wrong_is_named(shared: Engine, query: str, field: str) -> None:
    error = await refused(shared, "GET", f"/jobs?{query}", 400, "INVALID_REQUEST")

    assert [each["field"] for each in error["details"]["fields"]] == [field]


@pytest.mark.parametrize(
    ("path", "choices"),
    [
        ("/jobs?status=done", '"canceled" or "completed" or "failed" or "paused" or "queued" or "running"'),
        ("/jobs?lane=fast", '"render" or "speak"'),
        ("/voices?kind=mine", '"clone" or "design" or "preset"'),
        (f"/jobs/{NOBODY}/audio?format=ogg", '"aac" or "flac" or "m4a" or "mp3" or "opus" or "pcm" or "wav"'),
    ],
)
async def test_a_choice_that_is_not_there_is_answered_with_those_that_are(
    shared: Engine, path: str, choices: str
) -> None:
    error = await refused(shared, "GET", path, 400, "INVALID_REQUEST")

    assert error["message"].endswith(f"; it can be {choices}")


async def test_a_header_that_is_wrong_is_named(shared: Engine) -> None:
    error = await refused(
        shared, "POST", "/jobs", 400, "INVALID_REQUEST", {"text": "a"}, headers={"Idempotency-Key": "k" * 256}
    )

    assert [each["field"] for each in error["details"]["fields"]] == ["Idempotency-Key"]


@pytest.mark.parametrize("path", ["/speak", "/cancel", "/jobs", "/voices/clone", "/voices/design"])
async def test_a_body_that_is_missing_is_asked_for(shared: Engine, path: str) -> None:
    error = await refused(shared, "POST", path, 400, "INVALID_REQUEST")

    assert "send a JSON object as the body" in error["message"]


@pytest.mark.parametrize("content", [b"{", b"\xff", b"{'a': 1}", b"NaN"])
async def test_a_body_that_is_not_json_is_called_so(shared: Engine, content: bytes) -> None:
    response = await shared.http.post("/v1/jobs", content=content)

    assert response.status_code == 400
    assert error_in(response)["code"] == "INVALID_REQUEST"
    assert "no JSON that can be read" in error_in(response)["message"]


@pytest.mark.parametrize("path", ["/nope", "/jobs/not-a-uuid", "/voices/not-a-uuid", "/jobs/" + "1" * 40])
async def test_a_route_that_does_not_exist_is_not_found(shared: Engine, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        response = await shared.http.request(method, f"/v1{path}/x")

        assert response.status_code == 404
        error = error_in(response)
        assert error["code"] == "NOT_FOUND"
        assert "/v1/openapi.json" in error["message"]


async def test_a_method_that_a_route_has_not_is_refused_and_the_others_are_named(shared: Engine) -> None:
    response = await shared.http.put("/v1/jobs")

    assert response.status_code == 405
    assert error_in(response)["code"] == "METHOD_NOT_ALLOWED"
    assert set(response.headers["allow"].split(", ")) == {"GET", "POST", "DELETE", "OPTIONS"}
    assert error_in(response)["message"] == f"PUT is not possible here; these are: {response.headers['allow']}"


async def test_a_full_disk_is_said_to_be_one(shared: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: Any, **__: Any) -> Any:
        raise errors.StorageFailed

    monkeypatch.setattr(shared.parts.stores.jobs, "add", full)

    error = await refused(shared, "POST", "/jobs", 507, "STORAGE_FAILED", {"voice_id": VOICE_ID, "text": "Hello."})

    assert "free some space" in error["message"]


async def test_a_defect_is_logged_and_not_shown_to_the_client(
    shared: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the canary")

    monkeypatch.setattr(shared.parts.stores.jobs, "counts", broken)

    error = await refused(shared, "GET", "/health", 500, "INTERNAL")

    assert "canary" not in str(error)
    assert "log" in error["message"]
    assert "the canary" in caplog.text
    assert error["details"] == {}


async def test_a_recursion_of_the_engines_own_is_a_defect(shared: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    async def deep(*_: Any, **__: Any) -> Any:
        raise RecursionError("maximum recursion depth exceeded")

    monkeypatch.setattr(shared.parts.stores.jobs, "counts", deep)

    await refused(shared, "GET", "/health", 500, "INTERNAL")
