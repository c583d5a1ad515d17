"""`GET /v1/openapi.json`: the routes there are, and that the document tells of them what is true."""

from typing import Any

import msgspec
import pytest

from app.api import schemas
from app.api.contract import EXAMPLES
from app.api.openai_requests import CreateSpeechRequest
from app.inference.model import Lane, VoiceKind
from app.store.rows import JobStatus
from tests.api.asking import with_ids
from tests.support.client import Engine

pytestmark = pytest.mark.anyio

ROUTES = {
    "GET /v1/health": "getHealth",
    "GET /v1/metrics": "getMetrics",
    "POST /v1/speak": "speak",
    "POST /v1/cancel": "cancel",
    "POST /v1/audio/speech": "createSpeech",
    "GET /v1/audio/voices": "listSpeechVoices",
    "GET /v1/voices": "listVoices",
    "POST /v1/voices/clone": "cloneVoice",
    "POST /v1/voices/clone/transcribe": "transcribeRecording",
    "POST /v1/voices/design": "designVoice",
    "GET /v1/voices/{voice_id}": "getVoice",
    "GET /v1/voices/{voice_id}/preview": "previewVoice",
    "PATCH /v1/voices/{voice_id}": "renameVoice",
    "DELETE /v1/voices/{voice_id}": "deleteVoice",
    "GET /v1/models": "listModels",
    "GET /v1/models/{model_id}": "getModel",
    "POST /v1/models/{model_id}/download": "downloadModel",
    "POST /v1/models/{model_id}/check": "checkModel",
    "POST /v1/models/{model_id}/cancel": "cancelDownload",
    "POST /v1/models/{model_id}/activate": "activateModel",
    "POST /v1/models/{model_id}/unload": "unloadModel",
    "DELETE /v1/models/{model_id}": "deleteModel",
    "GET /v1/jobs": "listJobs",
    "DELETE /v1/jobs": "deleteJobs",
    "GET /v1/jobs/stats": "getStats",
    "GET /v1/jobs/export": "exportJobs",
    "POST /v1/jobs/prune": "pruneJobs",
    "POST /v1/jobs": "submitJob",
    "GET /v1/jobs/{job_id}": "getJob",
    "PUT /v1/jobs/{job_id}": "putJob",
    "DELETE /v1/jobs/{job_id}": "deleteJob",
    "GET /v1/jobs/{job_id}/text": "getText",
    "GET /v1/jobs/{job_id}/chunks": "listChunks",
    "GET /v1/jobs/{job_id}/artifacts": "listArtifacts",
    "GET /v1/jobs/{job_id}/audio": "getAudio",
    "HEAD /v1/jobs/{job_id}/audio": "headAudio",
    "POST /v1/jobs/{job_id}/link": "linkAudio",
    "POST /v1/jobs/{job_id}/cancel": "cancelJob",
    "POST /v1/jobs/{job_id}/pause": "pauseJob",
    "POST /v1/jobs/{job_id}/resume": "resumeJob",
    "POST /v1/jobs/{job_id}/retry": "retryJob",
}

REQUESTS = {
    "speak": schemas.SpeakRequest,
    "cancel": schemas.CancelRequest,
    "createSpeech": CreateSpeechRequest,
    "submitJob": schemas.SubmitRequest,
    "putJob": schemas.SubmitRequest,
    "pruneJobs": schemas.PruneRequest,
    "cloneVoice": schemas.CloneRequest,
    "transcribeRecording": schemas.TranscribeRequest,
    "renameVoice": schemas.RenameRequest,
    "designVoice": schemas.DesignRequest,
}


@pytest.fixture(scope="module")
async def document(shared: Engine) -> dict[str, Any]:
    return await shared.get("/openapi.json")


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What can be done, by method and path."""
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


async def test_the_document_has_every_route_under_a_name_that_clients_can_rely_on(document: dict[str, Any]) -> None:
    names = {route: operation["operationId"] for route, operation in operations(document).items()}

    assert names == ROUTES
    assert len(set(names.values())) == len(names)
    assert document["openapi"].startswith("3.1")


async def test_every_route_says_what_it_does_and_belongs_to_something(document: dict[str, Any]) -> None:
    for route, operation in operations(document).items():
        assert operation["description"], route
        assert operation["tags"], route


async def test_every_failure_has_the_shape_of_its_route(document: dict[str, Any]) -> None:
    known = document["components"]["responses"]
    for route, operation in operations(document).items():
        failures = {status: answer for status, answer in operation["responses"].items() if status[0] in "45"}
        assert {"400", "401", "403", "500", "503", "507"} <= set(failures), route
        if "requestBody" in operation:
            assert {"404", "408", "409", "413", "415"} <= set(failures), route
        for status, answer in failures.items():
            told = known[answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer
            (content,) = told["content"].values()
            shape = "OpenAIProblem" if "/v1/audio/" in route else "Problem"
            assert content["schema"]["$ref"].endswith(f"/{shape}"), route
            assert content["example"]["error"]["message"], (route, status)
    problem = document["components"]["schemas"]["Problem"]
    body = document["components"]["schemas"][problem["properties"]["error"]["$ref"].split("/")[-1]]
    assert problem["required"] == ["error"]
    assert set(body["properties"]) == {"code", "message", "details"}
    theirs = document["components"]["schemas"]["OpenAIError"]
    assert set(theirs["properties"]) == {"message", "type", "param", "code"}


async def test_the_bounds_of_the_settings_are_told(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    settings, chunking = schemas["SpeechSettings"]["properties"], schemas["Chunking"]["properties"]

    assert (settings["rate"]["minimum"], settings["rate"]["maximum"]) == (0.5, 2.0)
    assert (settings["pitch"]["minimum"], settings["pitch"]["maximum"]) == (0.5, 2.0)
    assert (settings["volume"]["minimum"], settings["volume"]["maximum"]) == (0.0, 2.0)
    assert settings["temperature"]["maximum"] == 2.0
    assert settings["top_k"]["maximum"] == 10_000
    assert settings["top_p"]["maximum"] == 1.0
    penalty, seconds = settings["repetition_penalty"], settings["max_seconds"]
    assert (penalty["minimum"], penalty["maximum"]) == (1.0, 2.0)
    assert (seconds["minimum"], seconds["maximum"]) == (1.0, 600.0)
    assert (settings["instruct"]["maxLength"], settings["allow_gaps"]["default"]) == (1000, False)
    layout = settings["text_layout"]
    assert (layout["enum"], layout["default"]) == (["before", "beside"], "before")
    assert (chunking["max_chars"]["minimum"], chunking["max_chars"]["maximum"]) == (100, 2000)
    assert set(schemas["SubmitRequest"]["required"]) == {"text"}
    assert set(schemas["SpeakRequest"]["required"]) == {"text"}


async def test_audio_is_told_as_audio(document: dict[str, Any]) -> None:
    told = operations(document)

    for route in ("GET /v1/jobs/{job_id}/audio", "GET /v1/voices/{voice_id}/preview"):
        answers = told[route]["responses"]
        assert {"200", "206", "304", "416"} <= set(answers)
        assert list(answers["200"]["content"]) == list(answers["206"]["content"])
        assert "audio/wav" in answers["200"]["content"]
        assert all(kind.startswith("audio/") for kind in answers["200"]["content"])
        assert "ETag" in answers["200"]["headers"]
        assert "Content-Range" in answers["206"]["headers"]
    assert "content" not in told["HEAD /v1/jobs/{job_id}/audio"]["responses"]["200"]
    speech = told["POST /v1/audio/speech"]["responses"]["200"]
    assert set(speech["content"]) == {
        *("audio/mpeg", "audio/ogg", "audio/aac", "audio/flac", "audio/wav", "audio/pcm", "text/event-stream")
    }
    assert "X-Request-Id" in speech["headers"]


async def test_what_may_be_sent_again_says_how_it_is_answered_then(document: dict[str, Any]) -> None:
    for route in ("POST /v1/jobs", "PUT /v1/jobs/{job_id}"):
        assert {"200", "201"} <= set(operations(document)[route]["responses"])


async def test_a_client_is_told_how_to_prove_who_it_is_and_where_the_audio_comes(document: dict[str, Any]) -> None:
    (needed,) = document["security"]
    (scheme,) = needed

    assert document["components"]["securitySchemes"][scheme]["scheme"] == "bearer"
    for socket in ("/v1/stream/{job_id}", "/v1/events"):
        assert socket in document["info"]["description"]


async def test_in_what_a_client_sends_no_other_field_is_allowed_and_in_answers_there_may_be_new_ones(
    document: dict[str, Any],
) -> None:
    closed = {
        name for name, schema in document["components"]["schemas"].items() if "additionalProperties" in schema
    }

    assert {"SpeakRequest", "SubmitRequest", "SpeechSettings", "Chunking", "RefAudio", "CloneOptions"} <= closed
    assert not {name for name in closed if name.endswith(("View", "List", "Page")) or name == "Problem"}
    assert "CreateSpeechRequest" not in closed  # programs send it the fields of other servers, too


async def test_every_body_has_an_example_that_the_engine_takes(document: dict[str, Any]) -> None:
    bodies = {
        operation["operationId"]: body["content"]["application/json"]["example"]
        for operation in operations(document).values()
        if (body := operation.get("requestBody"))
    }

    assert set(bodies) == set(EXAMPLES)
    for name, request in REQUESTS.items():
        msgspec.convert(bodies.pop(name), request)
    assert not bodies


async def test_states_lanes_and_kinds_are_those_of_the_engine(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    job, voice = schemas["JobView"]["properties"], schemas["VoiceView"]["properties"]

    assert job["status"]["enum"] == list(JobStatus)
    assert job["lane"]["enum"] == list(Lane)
    assert voice["kind"]["enum"] == list(VoiceKind)


async def test_nothing_of_the_engines_inside_is_a_parameter(document: dict[str, Any]) -> None:
    names = {
        parameter["name"]
        for operation in operations(document).values()
        for parameter in operation.get("parameters", [])
    }

    assert names | {"chunking"} == {
        *("status", "lane", "voice_id", "voice", "model_id", "tag", "text", "created_from", "created_before"),
        *("by", "first_day", "last_day", "dry_run", "expected", "all"),
        *(
            "cursor",
            "limit",
            "job_id",
            "start",
            "format",
            "partial",
            "live",
            "seconds",
            "kind",
            "language",
            "named",
        ),
        *(
            "model",
            "wait",
            "Accept",
            "seed",
            "title",
            "tags",
            "formats",
            *schemas.SpeechSettings.__struct_fields__,
            "max_chars",
        ),
        *("flac_sample_rate", "mp3_bit_rate", "mp3_sample_rate", "opus_bit_rate", "opus_sample_rate"),
        *("m4a_bit_rate", "m4a_sample_rate"),
        *("Idempotency-Key", "Range", "If-Range", "If-None-Match"),
    }


async def test_routes_that_take_text_tell_of_every_form_of_it(document: dict[str, Any]) -> None:
    for route in ("POST /v1/speak", "POST /v1/jobs", "PUT /v1/jobs/{job_id}"):
        operation = operations(document)[route]
        content = operation["requestBody"]["content"]
        options = {each["name"]: each["schema"] for each in operation["parameters"] if each["in"] == "query"}

        assert content["text/plain"]["schema"]["type"] == "string"
        form = content["multipart/form-data"]["schema"]["properties"]
        assert set(form) == {"text", *options} - {"wait"}
        assert (options["rate"]["type"], options["rate"]["maximum"]) == ("number", 2.0)
        assert options["text_layout"]["enum"] == ["before", "beside"]


async def test_options_names_every_method_of_a_path(shared: Engine, document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        answer = await shared.http.options(with_ids(path))

        assert answer.status_code == 204
        named = {method.strip() for method in answer.headers["allow"].split(",")}
        assert named == {method.upper() for method in methods} | {"OPTIONS"}, path
    assert (await shared.http.options("/v1/openapi.json")).headers["allow"] == "GET, OPTIONS"
    assert (await shared.http.options("/v1/nope")).status_code == 204


async def test_the_document_is_the_only_page_of_its_kind(shared: Engine) -> None:
    for path in ("/schema", "/schema/swagger", "/docs", "/v1/openapi.yaml", "/v1/openapi.yml", "/v1/swagger"):
        response = await shared.http.get(path)

        assert response.status_code == 404
        assert response.headers["content-type"] == "application/json"
