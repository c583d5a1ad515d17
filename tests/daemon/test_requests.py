"""What is asked of the daemon besides speech, and what is asked in a wrong way."""

from pathlib import Path
from typing import Any

import pytest

from app import __version__
from app.daemon.handlers import ACTIONS
from app.usecases.jobs import MAX_TEXT_CHARS
from tests.api.models import checkpoint
from tests.daemon.asking import ask, jobs_of, ok, refused
from tests.daemon.conftest import Opener, Running
from tests.support.fakes import VOICE_ID, fake_entry
from tests.support.waiting import until, until_answered

pytestmark = pytest.mark.anyio

TEXT = "The lamp was lit."


async def test_the_status_says_who_is_here_and_what_it_is_at(running: Running) -> None:
    answer = await ok(running.path, action="status")

    uptime_s = answer.pop("uptime_s")
    pid = answer.pop("pid")
    assert 0 <= uptime_s < 600
    assert pid > 0
    assert answer == {
        "status": "ok",
        "kind": "daemon",
        "version": __version__,
        "url": f"http://127.0.0.1:{running.engine.port}/v1",
        "data_dir": str(running.engine.data_dir),
        "token_file": None,
        "model": "fake",
        "speaking": 0,
        "rendering": 0,
        "queued": 0,
        "jobs_kept": 0,
        "audio_seconds_kept": 0.0,
        "warnings": [],
    }


async def test_the_status_warns_of_a_processor_that_is_too_slow(opened: Opener, tmp_path: Path) -> None:
    (tmp_path / "control").mkdir()
    async with opened(builtin=[fake_entry(tmp_path / "control", gflops="3.6")]) as running:
        await ok(running.path, text=TEXT, play=False)

        [warning] = (await ok(running.path, action="status"))["warnings"]

    assert "BLAS of tests multiplies at 3.6 GFLOP/s" in warning


async def test_a_folder_with_a_model_is_linked_to(running: Running, tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "my voice")

    answer = await ok(running.path, action="link", folder=str(folder))

    assert answer == {"status": "ok", "model_id": "my voice"}
    assert (await running.engine.get("/models/my%20voice"))["state"] == "installed"
    assert await running.engine.delete("/models/my%20voice") == {"deleted": True}
    assert folder.is_dir()
    answer = await refused(running.path, text=TEXT, play=False, model="nobody")
    assert answer["code"] == "MODEL_NOT_FOUND"
    answer = await refused(running.path, text=TEXT, play=False, model=str(tmp_path / "nowhere"))
    assert "there is no folder" in answer["message"]
    answer = await refused(running.path, action="link", folder=str(tmp_path / "nowhere"))
    assert "there is no folder" in answer["message"]
    await refused(running.path, action="link", folder="my voice")


async def test_the_status_counts_running_and_waiting_jobs(running: Running) -> None:
    for _ in range(10):
        await running.engine.post("/jobs", {"voice_id": VOICE_ID, "text": "[hold:x] A render."}, 201)
    await running.engine.post("/speak", {"voice_id": VOICE_ID, "text": "[hold:x] A listener."})

    async def counted() -> bool:
        answer = await ok(running.path, action="status")
        return (answer["speaking"], answer["rendering"], answer["queued"]) == (1, 8, 2)

    await until_answered(counted)
    running.engine.release("x")


async def test_the_status_says_where_the_token_is_if_the_engine_wrote_one(opened: Opener, tmp_path: Path) -> None:
    async with opened(token_file=tmp_path / "data" / "token") as running:
        assert (await ok(running.path, action="status"))["token_file"] == str(tmp_path / "data" / "token")


@pytest.mark.parametrize("action", ["stop", "shutdown"])
async def test_whoever_says_so_stops_the_engine_and_is_answered_first(opened: Opener, action: str) -> None:
    async with opened() as running:
        assert await ask(running.path, {"action": action}) == {"status": "ok"}

        await until(running.stopped.is_set)


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        ({"action": "dance", "text": TEXT}, ["'dance'", *ACTIONS]),
        ({"action": None}, [*ACTIONS]),
        ({"action": ["generate"]}, [*ACTIONS]),
        ({}, ["text"]),
        ({"text": None}, ["text", "str"]),
        ({"text": 5}, ["text", "str"]),
        ({"text": TEXT, "surprise": 1}, ["surprise", "instruct"]),
        ({"text": TEXT, "language": 1}, ["language", "str"]),
        ({"text": TEXT, "instruct": True}, ["instruct", "str"]),
        ({"text": TEXT, "instruct": "x" * 1001}, ["instruct", "1000"]),
        ({"text": TEXT, "output": {}}, ["output", "str"]),
        ({"text": TEXT, "voice": 1}, ["voice", "str"]),
        ({"text": TEXT, "play": "yes"}, ["play", "bool"]),
        ({"text": TEXT, "play": 1}, ["play", "bool"]),
        ({"text": TEXT, "seed": "1"}, ["seed", "int"]),
        ({"text": TEXT, "seed": 1.5}, ["seed", "int"]),
        ({"text": TEXT, "seed": True}, ["seed", "int"]),
        ({"text": TEXT, "seed": -1}, ["seed", "0"]),
        ({"text": TEXT, "seed": 2**53}, ["seed"]),
        ({"text": "half \ud800"}, ["text", "surrogate"]),
        ({"text": TEXT, "instruct": "half \udfff"}, ["instruct", "surrogate"]),
        ({"text": "NUL \0"}, ["NUL"]),
        ({"action": "status", "text": TEXT}, ["text", "action"]),
        ({"action": "stop", "force": True}, ["force", "action"]),
        ({"action": "shutdown", "force": True}, ["force", "action"]),
    ],
)
async def test_a_wrong_request_is_answered_with_what_would_be_right(
    running: Running, request_: dict[str, Any], why: list[str]
) -> None:
    answer = await refused(running.path, **request_)

    assert answer["code"] == "INVALID_REQUEST"
    for word in why:
        assert word in answer["message"]
    assert await jobs_of(running.engine) == []
    assert not running.stopped.is_set()


@pytest.mark.parametrize("text", ["", " \n\t"])
async def test_an_empty_text_is_refused(running: Running, text: str) -> None:
    assert (await refused(running.path, text=text))["code"] == "EMPTY_TEXT"


async def test_a_text_that_is_too_long_is_refused(running: Running) -> None:
    answer = await refused(running.path, text="x" * (MAX_TEXT_CHARS + 1))

    assert "5000000" in answer["message"]


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"action": "generate"}, "text"),
        ({"text": TEXT, "txet": ""}, "txet"),
        ({"text": 5}, "text"),
        ({"text": ""}, "text"),
        ({"text": TEXT, "seed": -1}, "seed"),
        ({"text": TEXT, "language": "xx-!"}, "language"),
        ({"action": "status", "text": ""}, "text"),
        ({"action": "sing"}, "action"),
        ({"action": 1}, "action"),
    ],
)
async def test_the_field_that_is_wrong_is_named(running: Running, request_: dict[str, Any], field: str) -> None:
    answer = await refused(running.path, **request_)

    assert [each["field"] for each in answer["details"]["fields"]] == [field]
