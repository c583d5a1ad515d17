"""Submitting a job, looking at it, and what each verb does to it in each state."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import anyio
import msgspec
import pytest

from app.models.spec import ModelSpec
from tests.api.asking import AT_WORK, finished, full_lane, job_in, render, speak
from tests.api.conftest import Opener
from tests.api.raw import error_in
from tests.support.client import PATIENCE_S, Engine, next_event
from tests.support.fakes import OTHER_VOICE_ID, VOICE_ID
from tests.support.variants import in_test_long, mostly_in_test_long

pytestmark = pytest.mark.anyio

HELLO = {"voice_id": VOICE_ID, "text": "Hello."}

#: What is answered of a job that was asked for without settings.
DEFAULT = {
    "rate": 1.0,
    "pitch": 1.0,
    "volume": 1.0,
    "chunking": {"max_chars": 400},
    "temperature": None,
    "top_k": None,
    "top_p": None,
    "repetition_penalty": None,
    "text_layout": "before",
    "max_seconds": None,
    "instruct": "",
    "allow_gaps": False,
}

WRONG = "WRONG_STATE"

#: What a verb does to a job in a state: the state that it answers with, or the code with which it is refused.
OUTCOMES = {
    ("queued", "cancel"): "canceled",
    ("running", "cancel"): "canceled",
    ("paused", "cancel"): "canceled",
    ("completed", "cancel"): "completed",
    ("failed", "cancel"): "failed",
    ("canceled", "cancel"): "canceled",
    ("queued", "pause"): "paused",
    ("running", "pause"): "paused",
    ("paused", "pause"): "paused",
    ("completed", "pause"): WRONG,
    ("failed", "pause"): WRONG,
    ("canceled", "pause"): WRONG,
    ("queued", "resume"): WRONG,
    ("running", "resume"): WRONG,
    ("paused", "resume"): "queued",
    ("completed", "resume"): WRONG,
    ("failed", "resume"): WRONG,
    ("canceled", "resume"): WRONG,
    ("queued", "retry"): WRONG,
    ("running", "retry"): WRONG,
    ("paused", "retry"): WRONG,
    ("completed", "retry"): WRONG,
    ("failed", "retry"): "queued",
    ("canceled", "retry"): "queued",
}


def that_is_told_how(entry: ModelSpec) -> ModelSpec:
    return msgspec.structs.replace(entry, card=msgspec.structs.replace(entry.card, supports_instruct=True))


#: What is refused is held for every state and verb by the scheduler's own tests.
DONE = [asked for asked, outcome in OUTCOMES.items() if outcome != WRONG]


@pytest.mark.parametrize(
    ("status", "verb"), mostly_in_test_long(OUTCOMES, but=[*DONE, ("running", "resume"), ("completed", "pause")])
)
async def test_a_verb_moves_a_job_as_its_state_allows_and_no_other_way(
    shared: Engine, status: str, verb: str
) -> None:
    outcome = OUTCOMES[status, verb]
    async with job_in(shared, status) as job_id:
        response = await shared.http.post(f"/v1/jobs/{job_id}/{verb}")

        if outcome == WRONG:
            assert response.status_code == 409
            assert error_in(response)["code"] == WRONG
            assert status in error_in(response)["message"]
            assert (await shared.get(f"/jobs/{job_id}"))["status"] == status
        else:
            assert response.status_code == 200
            assert response.json()["status"] == outcome
            assert response.json()["job_id"] == job_id


@pytest.mark.parametrize("status", ["queued", "running", "paused", "completed", "failed", "canceled"])
async def test_a_deleted_job_leaves_no_row_no_file_and_no_entry_in_the_history(shared: Engine, status: str) -> None:
    async with job_in(shared, status) as job_id:
        folder = shared.data_dir / "jobs" / job_id
        assert folder.exists() == (status != "queued")

        answer = await shared.delete(f"/jobs/{job_id}")

        assert answer == {"deleted": True}
        assert not folder.exists()
        assert (await shared.http.get(f"/v1/jobs/{job_id}")).status_code == 404
        assert job_id not in {job["job_id"] for job in (await shared.get("/jobs?limit=200"))["jobs"]}
        assert (await shared.http.delete(f"/v1/jobs/{job_id}")).status_code == 404


@pytest.mark.parametrize("status", ["queued", "running", "paused", "completed", "failed", "canceled"])
async def test_the_seeds_cancel_tells_whether_the_job_is_canceled_now(shared: Engine, status: str) -> None:
    async with job_in(shared, status) as job_id:
        answer = await shared.post("/cancel", {"job_id": job_id})

        assert answer == {"canceled": status not in ("completed", "failed")}


@pytest.mark.parametrize(
    ("status", "final"), [("queued", "canceled"), ("running", "canceled"), ("failed", "failed")]
)
async def test_a_final_job_has_the_time_of_its_end(shared: Engine, status: str, final: str) -> None:
    async with job_in(shared, status) as job_id:
        before = await shared.get(f"/jobs/{job_id}")

        after = await shared.post(f"/jobs/{job_id}/cancel")

        assert after["status"] == final
        assert (before["finished_at"] is None) == (status != "failed")
        assert datetime.fromisoformat(after["finished_at"]) >= datetime.fromisoformat(after["created_at"])


async def test_a_retried_job_is_as_if_it_had_not_ended(shared: Engine) -> None:
    async with full_lane(shared):
        job_id = await render(shared, "Waits.")
        await shared.post(f"/jobs/{job_id}/cancel")

        job = await shared.post(f"/jobs/{job_id}/retry")

        assert (job["status"], job["error"], job["finished_at"]) == ("queued", None, None)
    assert (await shared.ended(job_id))["status"] == "completed"


async def test_a_job_that_was_canceled_and_retried_sounds_like_one_that_was_not(shared: Engine) -> None:
    text = "One sentence comes first. [hold:retried] The second is held.\n\n" + "Then some more of it. " * 40
    shared.release("retried")
    calm = await finished(shared, text, seed=5)
    (shared.control / "retried").unlink()
    job_id = await render(shared, text, seed=5)
    await shared.until(job_id, "running")

    await shared.post(f"/jobs/{job_id}/cancel")
    shared.release("retried")
    await shared.post(f"/jobs/{job_id}/retry")

    assert (await shared.ended(job_id))["status"] == "completed"
    assert await shared.wav(job_id) == await shared.wav(calm)


async def test_a_speak_job_can_be_paused_and_resumed_too(shared: Engine) -> None:
    job_id = await speak(shared, "[hold:spoken] A listener needs a rest.")
    await shared.until(job_id, "running")

    paused = await shared.post(f"/jobs/{job_id}/pause")
    shared.release("spoken")
    resumed = await shared.post(f"/jobs/{job_id}/resume")

    assert (paused["status"], resumed["status"], paused["lane"]) == ("paused", "queued", "speak")
    assert (await shared.ended(job_id))["status"] == "completed"


async def test_a_submitted_job_is_new_and_tells_where_it_is(shared: Engine) -> None:
    response = await shared.http.post("/v1/jobs", json={**HELLO, "title": "Greeting", "tags": ["b", "a", "b"]})

    job = response.json()
    assert response.status_code == 201
    assert response.headers["location"] == f"/v1/jobs/{job['job_id']}"
    assert "idempotent-replayed" not in response.headers
    assert (await shared.http.get(response.headers["location"])).json()["job_id"] == job["job_id"]
    assert job["ws_url"] == f"ws://127.0.0.1:{shared.port}/v1/stream/{job['job_id']}"
    assert job | {"job_id": "", "seed": 0, "created_at": "", "ws_url": "", "progress": {}, "status": ""} == {
        "job_id": "",
        "lane": "render",
        "status": "",
        "progress": {},
        "voice_id": VOICE_ID,
        "model_id": "fake",
        "language": "",
        "settings": DEFAULT,
        "formats": ["wav"],
        "encoding": {},
        "seed": 0,
        "title": "Greeting",
        "tags": ["a", "b"],
        "created_at": "",
        "started_at": None,
        "finished_at": None,
        "error": None,
        "warnings": [],
        "ws_url": "",
    }
    assert datetime.fromisoformat(job["created_at"]).utcoffset() == timedelta(0)


async def test_the_address_of_the_socket_is_the_one_by_which_the_client_came(shared: Engine) -> None:
    name = f"localhost:{shared.port}"

    started = await shared.post("/speak", HELLO, headers={"Host": name})

    assert started["ws_url"] == f"ws://{name}/v1/stream/{started['job_id']}"
    await shared.ended(started["job_id"])


async def test_the_same_key_with_the_same_request_is_the_same_job(shared: Engine) -> None:
    headers = {"Idempotency-Key": "again \u00e9".encode("latin-1").decode("latin-1")}
    first = await shared.http.post("/v1/jobs", json=HELLO, headers={"Idempotency-Key": "again"})
    await shared.ended(first.json()["job_id"])

    second = await shared.http.post("/v1/jobs", json=HELLO, headers={"Idempotency-Key": "again"})
    other = await shared.http.post(
        "/v1/jobs", json=HELLO, headers=[(b"Idempotency-Key", headers["Idempotency-Key"].encode("latin-1"))]
    )

    assert (first.status_code, second.status_code, other.status_code) == (201, 200, 201)
    assert second.headers["idempotent-replayed"] == "true"
    assert second.headers["location"] == first.headers["location"]
    assert second.json()["job_id"] == first.json()["job_id"] != other.json()["job_id"]
    assert second.json()["status"] == "completed"
    assert second.json()["seed"] == first.json()["seed"]


@pytest.mark.parametrize(
    "change",
    [
        {"text": "Other."},
        {"seed": 1},
        {"settings": {"top_k": 5}},
        {"language": "en"},
        *in_test_long(
            {"title": "T"},
            {"tags": ["t"]},
            {"settings": {"rate": 1.5}},
            {"settings": {"temperature": 0.5}},
            {"settings": {"top_p": 0.5}},
            {"settings": {"repetition_penalty": 1.5}},
            {"settings": {"text_layout": "beside"}},
            {"settings": {"max_seconds": 5}},
            {"settings": {"allow_gaps": True}},
        ),
    ],
)
async def test_the_same_key_or_id_with_another_request_is_refused(shared: Engine, change: dict[str, Any]) -> None:
    key, job_id = {"Idempotency-Key": str(uuid4())}, str(uuid4())
    first = await shared.post("/jobs", HELLO, 201, headers=key)
    await shared.put(f"/jobs/{job_id}", HELLO)

    posted = await shared.post("/jobs", {**HELLO, **change}, 409, headers=key)
    put = await shared.put(f"/jobs/{job_id}", {**HELLO, **change}, 409)

    assert posted["error"]["code"] == put["error"]["code"] == "IDEMPOTENCY_CONFLICT"
    assert posted["error"]["details"]["job_id"] == first["job_id"]
    assert put["error"]["details"]["job_id"] == job_id


@pytest.mark.parametrize(("key", "status"), [("", 400), ("k" * 255, 201), ("k" * 256, 400)])
async def test_a_key_has_1_to_255_characters(shared: Engine, key: str, status: int) -> None:
    await shared.post("/jobs", HELLO, status, headers={"Idempotency-Key": key})


async def test_twenty_requests_at_once_with_one_key_make_one_job(shared: Engine) -> None:
    answers: list[tuple[int, str]] = []

    async def submit() -> None:
        response = await shared.http.post("/v1/jobs", json=HELLO, headers={"Idempotency-Key": "crowd"})
        answers.append((response.status_code, response.json()["job_id"]))

    with anyio.fail_after(PATIENCE_S):
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(submit)

    assert len({job_id for _, job_id in answers}) == 1
    assert Counter(status for status, _ in answers) == {201: 1, 200: 19}


async def test_twenty_requests_at_once_with_one_id_make_one_job(shared: Engine) -> None:
    job_id, statuses = str(uuid4()), list[int]()

    async def submit() -> None:
        statuses.append((await shared.http.put(f"/v1/jobs/{job_id}", json=HELLO)).status_code)

    with anyio.fail_after(PATIENCE_S):
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(submit)

    assert Counter(statuses) == {201: 1, 200: 19}


async def test_a_job_may_be_put_under_an_id_of_the_clients_own_again_and_again(shared: Engine) -> None:
    job_id = str(uuid4())

    first = await shared.http.put(f"/v1/jobs/{job_id.upper()}", json=HELLO)
    second = await shared.http.put(f"/v1/jobs/{job_id}", json=HELLO)

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["job_id"] == second.json()["job_id"] == job_id
    assert first.headers["location"] == second.headers["location"] == f"/v1/jobs/{job_id}"
    assert second.headers["idempotent-replayed"] == "true"


async def test_an_id_of_a_deleted_job_can_be_used_again_for_another_text(shared: Engine) -> None:
    job_id = str(uuid4())
    await shared.put(f"/jobs/{job_id}", HELLO)
    await shared.ended(job_id)
    await shared.delete(f"/jobs/{job_id}")

    await shared.put(f"/jobs/{job_id}", {**HELLO, "text": "Something else altogether."})

    assert (await shared.ended(job_id))["status"] == "completed"


@pytest.mark.parametrize(
    "settings",
    [
        {"rate": 0.5, "pitch": 2.0, "volume": 0.0, "chunking": {"max_chars": 100}},
        {"rate": 2.0, "pitch": 0.5, "volume": 2.0, "chunking": {"max_chars": 2000}},
        {"temperature": 0, "top_k": 0, "top_p": 1e-9, "repetition_penalty": 1, "max_seconds": 1},
        {"temperature": 2.0, "top_k": 10_000, "top_p": 1.0, "repetition_penalty": 2.0, "max_seconds": 600.0},
        *in_test_long(
            {"rate": 1},
            {"temperature": None, "top_k": None, "top_p": None, "repetition_penalty": None, "max_seconds": None},
            {"text_layout": "before"},
            {"text_layout": "beside"},
            {"allow_gaps": True, "instruct": ""},
            {"allow_gaps": False},
            {},
        ),
    ],
)
@pytest.mark.parametrize("path", ["/speak", "/jobs"])
async def test_settings_at_their_bounds_are_taken_and_kept(
    shared: Engine, settings: dict[str, Any], path: str
) -> None:
    started = await shared.post(path, {**HELLO, "settings": settings}, 200 if path == "/speak" else 201)

    job = await shared.ended(started["job_id"])

    assert job["settings"] == {**DEFAULT, **settings}
    assert job["status"] == "completed"


@pytest.mark.parametrize(
    "settings",
    [
        '{"rate": 0.49999}',
        '{"rate": 2.00001}',
        '{"rate": 0}',
        '{"rate": -1}',
        '{"rate": "1.0"}',
        '{"rate": null}',
        '{"rate": true}',
        '{"rate": [1.0]}',
        '{"rate": NaN}',
        '{"rate": Infinity}',
        '{"rate": 1e999}',
        '{"pitch": 0.49999}',
        '{"pitch": 2.00001}',
        '{"pitch": "high"}',
        '{"pitch": -Infinity}',
        '{"volume": -0.00001}',
        '{"volume": 2.00001}',
        '{"volume": {}}',
        '{"volume": NaN}',
        '{"chunking": {"max_chars": 99}}',
        '{"chunking": {"max_chars": 2001}}',
        '{"chunking": {"max_chars": 400.5}}',
        '{"chunking": {"max_chars": "400"}}',
        '{"chunking": {"max_chars": 9223372036854775808}}',
        '{"chunking": 400}',
        '{"chunking": null}',
        '{"temperature": NaN}',
        '{"top_p": Infinity}',
        '{"top_k": 1e999}',
        '{"speed": 1.0}',
        '{"chunking": {"min_chars": 100}}',
        "null",
        "[]",
    ],
)
@pytest.mark.parametrize("path", ["/speak", "/jobs"])
async def test_settings_outside_their_bounds_are_refused(shared: Engine, settings: str, path: str) -> None:
    content = f'{{"voice_id": "{VOICE_ID}", "text": "Hello.", "settings": {settings}}}'

    response = await shared.http.post(f"/v1{path}", content=content)

    assert response.status_code == 400
    assert error_in(response)["code"] == "INVALID_REQUEST"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("temperature", -0.00001, ">= 0.0"),
        ("temperature", 2.00001, "<= 2.0"),
        ("temperature", "hot", "Expected `float"),
        ("temperature", True, "Expected `float"),
        ("top_k", -1, ">= 0"),
        ("top_k", 10_001, "<= 10000"),
        ("top_k", 5.5, "Expected `int"),
        ("top_k", 2**63, "<= 10000"),
        ("top_k", "5", "Expected `int"),
        ("top_p", 0, "> 0"),
        ("top_p", -0.1, "> 0"),
        ("top_p", 1.00001, "<= 1.0"),
        ("top_p", [0.5], "Expected `float"),
        ("repetition_penalty", 0.99999, ">= 1.0"),
        ("repetition_penalty", 2.00001, "<= 2.0"),
        ("repetition_penalty", {}, "Expected `float"),
        ("text_layout", "behind", 'it can be "before" or "beside"'),
        ("text_layout", None, "Expected `str`"),
        ("max_seconds", 0.99999, ">= 1.0"),
        ("max_seconds", 600.00001, "<= 600.0"),
        ("max_seconds", 0, ">= 1.0"),
        ("max_seconds", "5", "Expected `float"),
        ("instruct", "x" * 1001, "<= 1000"),
        ("instruct", None, "Expected `str`"),
        ("instruct", ["softly"], "Expected `str`"),
        ("allow_gaps", None, "Expected `bool`"),
        ("allow_gaps", 1, "Expected `bool`"),
        ("allow_gaps", "true", "Expected `bool`"),
    ],
)
@pytest.mark.parametrize("path", ["/speak", "/jobs"])
async def test_a_setting_beyond_its_bounds_is_refused_by_its_name(
    shared: Engine, name: str, value: Any, said: str, path: str
) -> None:
    before = (await shared.get("/jobs?limit=1"))["jobs"]

    response = await shared.http.post(f"/v1{path}", json={**HELLO, "settings": {name: value}})

    assert response.status_code == 400
    error = error_in(response)
    assert error["code"] == "INVALID_REQUEST"
    assert f"settings.{name}" in error["message"]
    assert said in error["message"]
    assert (await shared.get("/jobs?limit=1"))["jobs"] == before


async def test_how_to_speak_is_kept_for_a_model_that_listens_to_it(open_engine: Opener) -> None:
    async with open_engine(that_is_told_how) as engine:
        longest = await finished(engine, settings={"instruct": "x" * 1000})
        padded = await finished(engine, settings={"instruct": " in a whisper\n"})

        assert (await engine.get(f"/jobs/{longest}"))["settings"] == {**DEFAULT, "instruct": "x" * 1000}
        assert (await engine.get(f"/jobs/{padded}"))["settings"] == {**DEFAULT, "instruct": "in a whisper"}


@pytest.mark.parametrize("path", ["/speak", "/jobs"])
async def test_how_to_speak_is_refused_for_a_model_that_does_not_listen(shared: Engine, path: str) -> None:
    before = (await shared.get("/jobs?limit=1"))["jobs"]

    response = await shared.http.post(f"/v1{path}", json={**HELLO, "settings": {"instruct": "in a whisper"}})

    assert response.status_code == 400
    error = error_in(response)
    assert error["code"] == "INVALID_REQUEST"
    assert error["details"]["fields"][0]["field"] == "settings.instruct"
    assert "fake" in error["message"]
    assert (await shared.get("/jobs?limit=1"))["jobs"] == before


async def test_white_space_says_nothing_of_how_to_speak(shared: Engine) -> None:
    job_id = await finished(shared, settings={"instruct": " \n"})

    assert (await shared.get(f"/jobs/{job_id}"))["settings"]["instruct"] == ""


@pytest.mark.parametrize(
    "change",
    [
        {"voice": VOICE_ID},
        {"lane": "speak"},
        {"job_id": "99999999-9999-4999-8999-999999999999"},
        {"text": None},
        {"text": ["Hello."]},
        {"text": "Nul\0"},
        {"formats": []},
        {"formats": ["wav"] * 9},
        {"formats": "wav"},
        {"title": 5},
        {"tags": ["t"] * 17},
        {"tags": ["t" * 65]},
        {"tags": "t"},
        {"tags": [None]},
        {"seed": 2**53},
        {"seed": 1.5},
        {"seed": "1"},
        {"seed": True},
        {"language": "x" * 36},
        {"language": "x" * 101},
        {"language": "../.."},
        {"voice_id": ""},
        {"voice_id": VOICE_ID + "0"},
        {"voice_id": "{" + VOICE_ID[1:]},
    ],
)
async def test_a_request_with_a_field_that_is_wrong_makes_no_job(shared: Engine, change: dict[str, Any]) -> None:
    before = (await shared.get("/jobs?limit=1"))["jobs"]

    response = await shared.http.post("/v1/jobs", json={**HELLO, **change})

    assert response.status_code == 400
    assert error_in(response)["code"] == "INVALID_REQUEST"
    after = (await shared.get("/jobs?limit=1"))["jobs"]
    assert [job["job_id"] for job in before] == [job["job_id"] for job in after]


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 0},
        {"seed": 2**53 - 1},
        {"title": ""},
        {"title": "x" * 200},
        {"title": "\U0001f600 \u202e \ufeff"},
        {"title": None},
        {"tags": [str(number) for number in range(16)]},
        {"tags": ["\u00e9" * 64]},
        {"language": "en-GB"},
        {"language": None},
        {"language": ""},
        {"formats": ["wav", "wav"]},
    ],
)
async def test_a_field_at_its_bound_is_kept_as_it_was_given(shared: Engine, change: dict[str, Any]) -> None:
    job = await shared.post("/jobs", {**HELLO, **change}, 201)

    kept = await shared.get(f"/jobs/{job['job_id']}")

    for name, value in change.items():
        wanted = sorted(value) if name == "tags" else value
        assert kept[name] == ("" if name == "language" and value is None else wanted)


async def test_a_language_that_is_left_to_the_model_is_kept_apart_from_the_voices_own(shared: Engine) -> None:
    job = await shared.post("/jobs", {**HELLO, "language": "auto"}, 201)

    assert job["language"] == "auto"


async def test_one_seed_is_one_sound_and_another_is_another(shared: Engine) -> None:
    text = "The same words, " * 60
    one, same = await finished(shared, text, seed=7), await finished(shared, text, seed=7)
    other, chance = await finished(shared, text, seed=8), await finished(shared, text)

    first = await shared.wav(one)

    assert await shared.wav(same) == first
    assert await shared.wav(other) != first
    assert await shared.wav(chance) != first
    seed = (await shared.get(f"/jobs/{chance}"))["seed"]
    assert 0 <= seed < 2**53
    assert await shared.wav(await finished(shared, text, seed=seed)) == await shared.wav(chance)


async def test_the_lane_does_not_change_the_sound(shared: Engine) -> None:
    text = "Spoken or rendered, it is the same. " * 20
    rendered, spoken = await finished(shared, text, seed=7), await speak(shared, text, seed=7)
    await shared.ended(spoken)

    assert await shared.wav(spoken) == await shared.wav(rendered)


async def test_places_in_the_queue_are_counted_from_the_next(shared: Engine) -> None:
    async with full_lane(shared):
        waiting = [await render(shared, f"Number {number}.") for number in range(3)]

        places = [(await shared.get(f"/jobs/{job_id}"))["progress"]["queue_position"] for job_id in waiting]
        await shared.post(f"/jobs/{waiting[0]}/cancel")
        moved = [(await shared.get(f"/jobs/{job_id}"))["progress"]["queue_position"] for job_id in waiting]
        health = await shared.get("/health")

    assert places == [1, 2, 3]
    assert moved == [None, 1, 2]
    assert (health["jobs_queued"], health["jobs_running"]) == (2, AT_WORK)
    for job_id in waiting[1:]:
        assert (await shared.ended(job_id))["progress"]["queue_position"] is None


async def test_progress_counts_from_nothing_to_all(shared: Engine) -> None:
    text = "One paragraph.\n\nAnother one.\n\n[hold:progress] The last one is held."
    async with full_lane(shared):
        job_id = await render(shared, text)
        waiting = (await shared.get(f"/jobs/{job_id}"))["progress"]
    async with shared.socket(f"/stream/{job_id}") as socket:
        while (event := await next_event(socket)).get("progress", {}).get("chunks_done") != 2:
            pass
    middle = (await shared.get(f"/jobs/{job_id}"))["progress"]
    assert middle == event["progress"]
    shared.release("progress")
    job = await shared.ended(job_id)

    end = job["progress"]
    assert (waiting["chunks_done"], waiting["chunks_total"], waiting["characters_done"]) == (0, None, 0)
    assert waiting["characters_total"] == len(text)
    assert (waiting["audio_seconds"], waiting["real_time_factor"], waiting["seconds_left"]) == (0.0, None, None)
    assert (middle["chunks_done"], middle["chunks_total"]) == (2, 3)
    assert 0 < middle["characters_done"] < middle["characters_total"] == len(text)
    assert middle["seconds_left"] > 0
    assert (end["chunks_done"], end["chunks_total"]) == (3, 3)
    assert end["characters_done"] == end["characters_total"] == len(text)
    assert end["seconds_left"] == 0.0
    assert end["audio_seconds"] == pytest.approx((len(await shared.wav(job_id)) - 44) / 48_000, abs=0.001)
    assert end["real_time_factor"] == pytest.approx(end["work_seconds"] / end["audio_seconds"], rel=0.1, abs=0.01)
    assert job["created_at"] <= job["started_at"] <= job["finished_at"]


async def test_the_chunks_cover_the_text_and_the_audio_end_to_end(shared: Engine) -> None:
    text = "Chapter one\n\n" + "A sentence of some length, which is spoken. " * 60
    job_id = await finished(shared, text, settings={"chunking": {"max_chars": 100}})

    chunks = (await shared.get(f"/jobs/{job_id}/chunks"))["chunks"]

    assert [chunk["chunk_index"] for chunk in chunks] == list(range(len(chunks)))
    assert [chunk["start_char"] for chunk in chunks] == [0, *(chunk["end_char"] for chunk in chunks[:-1])]
    assert chunks[-1]["end_char"] == len(text)
    assert [chunk["start_seconds"] for chunk in chunks] == [0, *(chunk["end_seconds"] for chunk in chunks[:-1])]
    assert chunks[-1]["end_seconds"] == pytest.approx((len(await shared.wav(job_id)) - 44) / 48_000)
    assert {chunk["state"] for chunk in chunks} == {"done"}
    assert {chunk["finish_reason"] for chunk in chunks} == {"stop"}
    assert len({chunk["seed"] for chunk in chunks}) == len(chunks)
    assert all(chunk["end_char"] - chunk["start_char"] <= 100 for chunk in chunks)


async def test_chunks_can_be_read_a_page_at_a_time(shared: Engine) -> None:
    job_id = await finished(shared, "One.\n\nTwo.\n\nThree.\n\nFour.\n\nFive.")
    whole = (await shared.get(f"/jobs/{job_id}/chunks"))["chunks"]

    pages, start = list[Any](), 0
    while start is not None and len(pages) < 5:
        page = await shared.get(f"/jobs/{job_id}/chunks", params={"start": start, "limit": 2})
        pages.append(page["chunks"])
        start = page["next_start"]

    assert [len(page) for page in pages] == [2, 2, 1]
    assert [chunk for page in pages for chunk in page] == whole
    assert (await shared.get(f"/jobs/{job_id}/chunks?start=5")) == {"chunks": [], "next_start": None}
    assert (await shared.get(f"/jobs/{job_id}/chunks?limit=5"))["next_start"] is None


@pytest.mark.parametrize(
    "query", ["start=-1", "start=2147483648", "limit=0", "limit=1001", "limit=x", "start=1e3x"]
)
async def test_a_page_of_chunks_has_bounds(shared: Engine, query: str) -> None:
    job_id = await finished(shared)

    response = await shared.http.get(f"/v1/jobs/{job_id}/chunks?{query}")

    assert response.status_code == 400
    assert error_in(response)["code"] == "INVALID_REQUEST"


async def test_a_job_that_has_not_started_has_no_chunks_and_no_artifacts(shared: Engine) -> None:
    async with job_in(shared, "queued") as job_id:
        assert (await shared.get(f"/jobs/{job_id}/chunks")) == {"chunks": [], "next_start": None}
        assert (await shared.get(f"/jobs/{job_id}/artifacts")) == {"artifacts": []}


async def test_an_artifact_says_how_large_and_how_long_it_is_and_where(shared: Engine) -> None:
    job_id = await finished(shared)
    wav = await shared.wav(job_id)

    (artifact,) = (await shared.get(f"/jobs/{job_id}/artifacts"))["artifacts"]

    assert artifact["format"] == "wav"
    assert artifact["bytes"] == len(wav)
    assert artifact["seconds"] == pytest.approx((len(wav) - 44) / 48_000)
    assert (await shared.http.get(artifact["url"])).content == wav


async def test_another_voice_is_another_job(shared: Engine) -> None:
    one, two = await finished(shared, seed=1), await finished(shared, seed=1, voice_id=OTHER_VOICE_ID)

    assert (await shared.get(f"/jobs/{two}"))["voice_id"] == OTHER_VOICE_ID
    assert await shared.wav(one) != await shared.wav(two)


@pytest.mark.parametrize(
    "text", ["Plain.", "\ufeff Größe\r\n\r\n北京\t\U0001f600 \u2028e\u0301 \n", "<b>&amp;</b>"]
)
async def test_the_text_comes_back_exactly_as_it_was_submitted(shared: Engine, text: str) -> None:
    job_id = await render(shared, text)

    answer = await shared.http.get(f"/v1/jobs/{job_id}/text")

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert answer.content.decode() == text
    missing = await shared.get(f"/jobs/{uuid4()}/text", 404)
    assert missing["error"]["code"] == "JOB_NOT_FOUND"
