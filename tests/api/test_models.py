"""`/v1/models`: which models there are and in which state, which one is active, what comes and goes with them."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from app.models.published import PUBLISHED
from tests.api.asking import finished, render, speak
from tests.api.conftest import OpenerOfModels
from tests.api.models import (
    BASE,
    DIES,
    OTHER_MODELS_VOICE_ID,
    WHISPER,
    Program,
    audio,
    both,
    broken,
    bytes_in,
    checkpoint,
    fake_worker,
    models_folder,
    module,
    refused,
    release_other,
    script,
    worker_pid,
)
from tests.api.raw import AUTHORIZATION, ask, error_in, host
from tests.conftest import Starter
from tests.support.client import PATIENCE_S, Engine
from tests.support.fakes import OTHER_VOICE_ID, VOICE_ID
from tests.support.running import command

pytestmark = pytest.mark.anyio


VERBS = ("download", "cancel", "activate", "unload")


async def model(engine: Engine, model_id: str) -> dict[str, Any]:
    return await engine.get(f"/models/{model_id}")


async def active(engine: Engine) -> str:
    """The name of the active model, of which health and the list must say the same."""
    health = await engine.get("/health")
    listed = (await engine.get("/models"))["models"]
    found = [one["model_id"] for one in listed if one["state"] == "active" and one["task"] == "tts"]
    assert found == [health["active_model_id"]]
    return health["active_model_id"]


async def until_state(engine: Engine, model_id: str, state: str) -> dict[str, Any]:
    """The model, once it is in that state."""
    with anyio.fail_after(PATIENCE_S):
        while (one := await model(engine, model_id))["state"] != state:
            await anyio.sleep(0.02)
        return one


async def until_loaded(engine: Engine, model_id: str) -> None:
    with anyio.fail_after(PATIENCE_S):
        while not (await model(engine, model_id))["loaded"]:
            await anyio.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


# The list.


async def test_the_list_has_what_is_built_in_and_then_what_could_be_downloaded(shared: Engine) -> None:
    fake, *others = (await shared.get("/models"))["models"]

    assert fake["model_id"] == "fake"
    assert (fake["state"], fake["task"], fake["reason"], fake["download"]) == ("active", "tts", None, None)
    assert (fake["repository"], fake["revision"], fake["bytes"]) == (None, None, None)
    assert fake["capabilities"] == (await shared.get("/health"))["capabilities"]
    assert others == [
        {
            "model_id": published.model_id,
            "display_name": published.display_name,
            "state": "absent",
            "task": published.task,
            "loaded": False,
            "repository": published.repository,
            "revision": published.revision,
            "bytes": published.bytes,
            "capabilities": None,
            "download": None,
            "reason": None,
        }
        for published in PUBLISHED.values()
    ]
    assert {one["task"] for one in others} == {"tts", "stt"}
    assert all(len(one["revision"]) == 40 and one["bytes"] > 0 for one in others)


async def test_each_model_by_itself_is_what_the_list_says_of_it(shared: Engine) -> None:
    for one in (await shared.get("/models"))["models"]:
        assert await model(shared, one["model_id"]) == one


async def test_what_is_put_into_the_folder_is_listed_at_once_and_gone_when_it_is_taken_away(engine: Engine) -> None:
    before = (await engine.get("/models"))["models"]

    folder = checkpoint(models_folder(engine) / "mine")
    builtin, mine, *published = (await engine.get("/models"))["models"]
    there = await engine.get("/voices?model_id=mine")
    folder.rename(engine.data_dir / "elsewhere")
    after = (await engine.get("/models"))["models"]

    assert [builtin, *published] == before == after
    assert (mine["model_id"], mine["state"], mine["task"], mine["loaded"]) == ("mine", "installed", "tts", False)
    assert mine["bytes"] == bytes_in(engine.data_dir / "elsewhere")
    assert mine["capabilities"]["supports_voice_clone"] is False
    assert [(voice["kind"], voice["tts_model_id"]) for voice in there["voices"]] == [("preset", "mine")]
    assert (await engine.get("/voices?model_id=mine"))["voices"] == []


async def test_a_folder_with_the_name_of_a_published_model_is_that_model(engine: Engine) -> None:
    checkpoint(models_folder(engine) / BASE)

    listed = [one for one in (await engine.get("/models"))["models"] if one["model_id"] == BASE]

    (one,) = listed
    assert (one["state"], one["display_name"]) == ("installed", PUBLISHED[BASE].display_name)
    assert (one["repository"], one["bytes"]) == (PUBLISHED[BASE].repository, bytes_in(models_folder(engine) / BASE))


async def test_a_file_and_what_is_hidden_are_not_models(engine: Engine) -> None:
    before = (await engine.get("/models"))["models"]

    (models_folder(engine) / "README.md").write_text("Put models here.")
    checkpoint(models_folder(engine) / ".hidden")

    assert (await engine.get("/models"))["models"] == before


STRANGE = (
    *("..", ".", "%2e%2e", "%2e", "%2E%2E%2F%2E%2E", "..%2f..%2fq3tts.db", "a%5Cb", "%2Fetc", "%00"),
    *("fake%00", "a%0Ab", "a%0D%0AX:%20y", "%ff", "%ed%a0%80", "%F0%9F%98%80", "%20", "%", "%zz", "fake%20"),
    *("FAKE", ".downloads", "~", "*", "fake;x", "-rf", "__init__"),
    *("x" * 128, "x" * 129, "x" * 8_000, "%41" * 2_000),
)


@pytest.mark.parametrize("name", STRANGE, ids=lambda name: name[:20])
async def test_a_name_that_no_model_has_is_refused_and_touches_nothing(shared: Engine, name: str) -> None:
    before = sorted(path.relative_to(shared.data_dir) for path in shared.data_dir.rglob("*"))
    lines = [f"GET /v1/models/{name} HTTP/1.1", f"DELETE /v1/models/{name} HTTP/1.1"]
    lines += [f"POST /v1/models/{name}/{verb} HTTP/1.1" for verb in VERBS]

    for line in lines:
        answer = await ask(shared, line, host(shared), AUTHORIZATION)

        codes = {400: {"INVALID_REQUEST"}, 404: {"MODEL_NOT_FOUND", "NOT_FOUND"}, 405: {"METHOD_NOT_ALLOWED"}}
        assert answer.status in codes, line[:60]
        assert error_in(answer)["code"] in codes[answer.status]

    assert sorted(path.relative_to(shared.data_dir) for path in shared.data_dir.rglob("*")) == before
    assert await active(shared) == "fake"


# A folder that is not a model.


async def test_a_folder_that_is_not_a_model_is_broken_for_a_reason_and_the_engine_goes_on(engine: Engine) -> None:
    folder = broken(models_folder(engine) / "mine")

    one = await model(engine, "mine")
    error = await refused(engine, "POST", "mine/activate", 409, "MODEL_NOT_READY")

    assert (one["state"], one["loaded"], one["capabilities"]) == ("broken", False, None)
    assert "model_type" in one["reason"]
    assert error["details"] == {"model_id": "mine"}
    assert one["reason"] in error["message"]
    assert await active(engine) == "fake"
    assert await finished(engine)
    assert (await engine.get("/voices?model_id=mine"))["voices"] == []
    (folder / "config.json").write_text('{"model_type": "bark"}')
    assert "weights" in (await model(engine, "mine"))["reason"]


async def test_an_engine_starts_with_a_broken_folder_and_with_a_link_to_nowhere(start: Starter) -> None:
    async with start() as engine:
        broken(models_folder(engine) / "mine")
        (models_folder(engine) / "nowhere").symlink_to(engine.data_dir / "nothing")
    async with start() as engine:
        assert (await model(engine, "mine"))["state"] == "broken"
        assert await active(engine) == "fake"
        assert await finished(engine)


async def test_a_broken_folder_can_be_deleted(engine: Engine) -> None:
    broken(models_folder(engine) / "mine")
    kept = broken(models_folder(engine) / "kept")

    answer = await engine.delete("/models/mine")

    assert answer == {"deleted": True}
    assert [path for path in models_folder(engine).iterdir() if path.name != ".downloads"] == [kept]
    await refused(engine, "GET", "mine", 404, "MODEL_NOT_FOUND")
    await refused(engine, "DELETE", "mine", 404, "MODEL_NOT_FOUND")


@pytest.mark.parametrize("make", [broken, checkpoint])
async def test_of_a_folder_that_is_linked_to_only_the_link_is_deleted(
    engine: Engine, tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    target = make(tmp_path / "target")
    before = sorted((path, path.stat().st_size) for path in target.rglob("*"))
    link = models_folder(engine) / "mine"
    link.symlink_to(target)

    listed = await model(engine, "mine")
    answer = await engine.delete("/models/mine")

    assert listed["state"] == ("broken" if make is broken else "installed")
    assert answer == {"deleted": True}
    assert not link.is_symlink()
    assert sorted((path, path.stat().st_size) for path in target.rglob("*")) == before
    await refused(engine, "GET", "mine", 404, "MODEL_NOT_FOUND")


async def test_a_link_inside_of_a_models_folder_is_not_followed_when_that_is_deleted(
    engine: Engine, tmp_path: Path
) -> None:
    outside = broken(tmp_path / "outside")
    (broken(models_folder(engine) / "mine") / "link").symlink_to(outside)

    await engine.delete("/models/mine")

    assert not (models_folder(engine) / "mine").exists()
    assert sorted(path.name for path in outside.iterdir()) == ["config.json", "notes.txt"]


# What cannot be done now.


async def test_a_model_that_is_built_in_cannot_be_deleted(open_models: OpenerOfModels) -> None:
    async with open_models(both) as engine:
        for model_id in ("fake", "other"):
            error = await refused(engine, "DELETE", model_id, 400, "INVALID_REQUEST")

            assert "built in" in error["message"]
        assert await finished(engine)
        assert await finished(engine, voice_id=OTHER_MODELS_VOICE_ID)


async def test_a_model_that_is_here_is_not_downloaded_and_none_of_these_is_on_its_way(engine: Engine) -> None:
    broken(models_folder(engine) / "mine")
    checkpoint(models_folder(engine) / "sound")
    checkpoint(models_folder(engine) / BASE)

    for model_id in ("fake", "mine", "sound", BASE):
        error = await refused(engine, "POST", f"{model_id}/download", 409, "WRONG_STATE")
        assert model_id in error["message"]
    for model_id in ("fake", "mine", "sound", BASE, WHISPER):
        await refused(engine, "POST", f"{model_id}/cancel", 409, "WRONG_STATE")


@pytest.mark.parametrize("model_id", [BASE, WHISPER])
async def test_a_model_that_is_not_here_cannot_be_activated_and_there_is_nothing_to_unload(
    shared: Engine, model_id: str
) -> None:
    error = await refused(shared, "POST", f"{model_id}/activate", 409, "MODEL_NOT_READY")
    assert error["details"] == {"model_id": model_id}

    assert (await shared.post(f"/models/{model_id}/unload"))["state"] == "absent"
    assert await shared.delete(f"/models/{model_id}") == {"deleted": True}
    assert (await model(shared, model_id))["state"] == "absent"
    assert await active(shared) == "fake"


# The active one.


async def test_another_model_is_activated_and_loaded_and_is_the_active_one_after_a_restart(
    open_models: OpenerOfModels,
) -> None:
    async with open_models(both) as engine:
        assert (await model(engine, "other"))["state"] == "installed"

        activated = await engine.post("/models/other/activate")

        assert (activated["model_id"], activated["state"], activated["loaded"]) == ("other", "active", True)
        assert await active(engine) == "other"
        health = await engine.get("/health")
        assert health["worker_running"] is True
        assert health["capabilities"] == activated["capabilities"]
        assert (health["capabilities"]["languages"], health["capabilities"]["supports_voice_clone"]) == (
            ["de", "auto"],
            False,
        )
        assert ((await model(engine, "fake"))["state"], (await model(engine, "fake"))["loaded"]) == (
            "installed",
            False,
        )
    async with open_models(both) as engine:
        assert await active(engine) == "other"
        assert (await engine.get("/health"))["worker_running"] is False
        await engine.post("/models/fake/activate")
    async with open_models(both) as engine:
        assert await active(engine) == "fake"


async def test_an_engine_without_the_model_that_was_active_starts_with_its_own(open_models: OpenerOfModels) -> None:
    async with open_models(both) as engine:
        await engine.post("/models/other/activate")
    async with open_models(lambda control: both(control)[:1]) as engine:
        assert await active(engine) == "fake"
        assert {voice["tts_model_id"] for voice in (await engine.get("/voices"))["voices"]} == {"fake"}
        assert await finished(engine)
    async with open_models(both) as engine:
        assert await active(engine) == "other"  # nobody has chosen another one meanwhile


async def test_voices_are_those_of_every_model_and_can_be_asked_for_by_model(open_models: OpenerOfModels) -> None:
    async with open_models(both) as engine:
        for chosen in ("fake", "other"):
            await engine.post(f"/models/{chosen}/activate")

            voices = (await engine.get("/voices"))["voices"]
            mine = (await engine.get("/voices?model_id=other"))["voices"]

            assert {voice["voice_id"]: voice["tts_model_id"] for voice in voices} == {
                VOICE_ID: "fake",
                OTHER_VOICE_ID: "fake",
                OTHER_MODELS_VOICE_ID: "other",
            }
            assert [voice["voice_id"] for voice in mine] == [OTHER_MODELS_VOICE_ID]


@pytest.mark.parametrize("submit", [render, speak])
async def test_each_job_is_spoken_with_the_model_of_its_voice_also_while_another_one_is_activated(
    open_models: OpenerOfModels, submit: Callable[..., Any]
) -> None:
    text, names = "[hold:gate] Who speaks?", {VOICE_ID: "one", OTHER_MODELS_VOICE_ID: "three"}
    async with open_models(both) as engine:
        jobs = [
            (await submit(engine, text, voice_id=voice, seed=seed), voice, seed)
            for seed in range(3)
            for voice in names
        ]
        mine = [job_id for job_id, voice, _ in jobs if voice == VOICE_ID]
        others = [job_id for job_id, voice, _ in jobs if voice == OTHER_MODELS_VOICE_ID]

        await engine.post("/models/other/activate")
        engine.release("gate")
        for job_id in mine:
            assert (await engine.ended(job_id))["status"] == "completed"
        for job_id in others:
            assert (await engine.get(f"/jobs/{job_id}"))["status"] == "running"
        await engine.post("/models/fake/activate")
        release_other(engine, "gate")

        for job_id, voice, seed in jobs:
            job = await engine.ended(job_id)
            assert (job["status"], job["voice_id"]) == ("completed", voice)
            assert job["model_id"] == ("fake" if voice == VOICE_ID else "other")
            assert (await engine.wav(job_id))[44:] == audio(text, names[voice], seed)
        assert [job["job_id"] for job in (await engine.get("/jobs?model_id=other"))["jobs"]] == others[::-1]


async def test_a_job_that_waits_is_spoken_with_its_model_after_a_restart_with_another_active_one(
    open_models: OpenerOfModels,
) -> None:
    text = "[hold:gate] It waits."
    async with open_models(both) as engine:
        job_id = await render(engine, text, voice_id=OTHER_MODELS_VOICE_ID, seed=3)
        await until_loaded(engine, "other")
        assert await active(engine) == "fake"
    async with open_models(both) as engine:
        release_other(engine, "gate")

        assert (await engine.ended(job_id))["model_id"] == "other"
        assert (await engine.wav(job_id))[44:] == audio(text, "three", 3)


@pytest.mark.parametrize(
    ("command", "why"),
    [
        pytest.param(module("tests.support.programs.unloadable_worker"), "weights.bin is missing", id="it says so"),
        pytest.param(script(DIES), "code 3", id="it dies", marks=pytest.mark.long),
        pytest.param(("/no/such/program",), "No such file", id="it is not there", marks=pytest.mark.long),
    ],
)
async def test_a_model_whose_process_does_not_start_is_not_activated_and_everything_is_as_it_was(
    open_models: OpenerOfModels, command: Sequence[str], why: str
) -> None:
    async with open_models(partial(both, command=command)) as engine:
        error = await refused(engine, "POST", "other/activate", 409, "MODEL_NOT_READY")

        assert why in error["message"]
        assert await active(engine) == "fake"
        assert await finished(engine)
        failed = await engine.ended(await render(engine, "Nobody there.", voice_id=OTHER_MODELS_VOICE_ID))
        assert (failed["status"], failed["error"]["code"]) == ("failed", "MODEL_NOT_READY")
        assert await finished(engine)
    async with open_models(both) as engine:
        assert await active(engine) == "fake"
        await engine.post("/models/other/activate")


# Out of memory again.


async def test_unloading_a_model_ends_its_process_and_the_next_job_starts_it_again(engine: Engine) -> None:
    assert await finished(engine)
    pid = worker_pid(engine)
    assert (await model(engine, "fake"))["loaded"] is True

    unloaded = await engine.post("/models/fake/unload")

    assert (unloaded["state"], unloaded["loaded"]) == ("active", False)
    assert gone(pid)
    assert (await engine.get("/health"))["worker_running"] is False
    assert (await engine.post("/models/fake/unload"))["loaded"] is False  # once more is harmless
    assert await finished(engine)
    assert worker_pid(engine) != pid
    assert (await engine.get("/health"))["worker_running"] is True


@pytest.mark.parametrize("submit", [render, speak])
async def test_a_model_that_is_speaking_is_not_unloaded(
    open_models: OpenerOfModels, submit: Callable[..., Any]
) -> None:
    async with open_models(both) as engine:
        job_id = await submit(engine, "[hold:mouth] It speaks on.")
        await until_loaded(engine, "fake")
        pid = worker_pid(engine)

        error = await refused(engine, "POST", "fake/unload", 409, "WRONG_STATE")
        assert (await engine.post("/models/other/unload"))["loaded"] is False

        assert "fake" in error["message"]
        assert worker_pid(engine) == pid
        assert (await model(engine, "fake"))["loaded"] is True
        engine.release("mouth")
        assert (await engine.ended(job_id))["status"] == "completed"
        assert worker_pid(engine) == pid
        assert (await engine.post("/models/fake/unload"))["loaded"] is False
        assert gone(pid)


async def test_unloading_one_model_leaves_the_other_one_alone(open_models: OpenerOfModels) -> None:
    async with open_models(both) as engine:
        await engine.post("/models/fake/activate")
        pid = worker_pid(engine)
        await engine.post("/models/other/activate")

        await engine.post("/models/other/unload")

        assert worker_pid(engine) == pid
        assert await active(engine) == "other"
        assert (await model(engine, "fake"))["loaded"] is True


# A folder with a model.


async def test_a_model_in_a_folder_speaks_and_goes_with_its_voices_and_its_process(
    engine: Engine, children: dict[str, Program]
) -> None:
    asked = list[tuple[str, ...]]()

    def worker(*arguments: str) -> Sequence[str]:
        asked.append(arguments)
        return fake_worker(engine.control)

    children["worker"] = worker
    folder = checkpoint(models_folder(engine) / "mine")
    (voice,) = (await engine.get("/voices?model_id=mine"))["voices"]

    activated = await engine.post("/models/mine/activate")
    pid = worker_pid(engine)
    job_id = await finished(engine, "In a folder.", voice_id=voice["voice_id"], seed=4)
    still_active = await refused(engine, "DELETE", "mine", 409, "WRONG_STATE")
    await engine.post("/models/fake/activate")
    answer = await engine.delete("/models/mine")

    assert (activated["state"], activated["loaded"]) == ("active", True)
    assert set(asked) == {("mlx_audio", str(folder))}
    assert (await engine.wav(job_id))[44:] == audio("In a folder.", "default", 4)
    assert "active" in still_active["message"]
    assert answer == {"deleted": True}
    assert not folder.exists()
    assert gone(pid)
    assert (await engine.get("/voices?model_id=mine"))["voices"] == []
    gone_with_it = await engine.http.post("/v1/jobs", json={"voice_id": voice["voice_id"], "text": "Late."})
    assert error_in(gone_with_it)["code"] == "VOICE_NOT_FOUND"
    assert (await engine.get(f"/jobs/{job_id}"))["model_id"] == "mine"


@pytest.mark.parametrize("rest", ["paused", "running"])
async def test_a_model_that_jobs_still_need_is_not_deleted(
    engine: Engine, children: dict[str, Program], rest: str
) -> None:
    children["worker"] = lambda *_: fake_worker(engine.control)
    folder = checkpoint(models_folder(engine) / "mine")
    (voice,) = (await engine.get("/voices?model_id=mine"))["voices"]
    job_id = await render(engine, "[hold:never] It needs it.", voice_id=voice["voice_id"])
    await until_loaded(engine, "mine")
    if rest == "paused":
        await engine.post(f"/jobs/{job_id}/pause")

    error = await refused(engine, "DELETE", "mine", 409, "WRONG_STATE")

    assert "1 jobs" in error["message"]
    assert folder.exists()
    assert (await engine.get(f"/jobs/{job_id}"))["status"] == rest
    await engine.post(f"/jobs/{job_id}/cancel")
    assert await engine.delete("/models/mine") == {"deleted": True}
    assert not folder.exists()


async def test_a_model_that_cannot_be_loaded_is_broken_until_its_files_change(
    engine: Engine, children: dict[str, Program]
) -> None:
    children["worker"] = lambda *arguments: module(
        "tests.support.programs.worker_once_mended", arguments[1], engine.control
    )
    folder = checkpoint(models_folder(engine) / "mine")
    (voice,) = (await engine.get("/voices?model_id=mine"))["voices"]

    error = await refused(engine, "POST", "mine/activate", 409, "MODEL_NOT_READY")
    one = await model(engine, "mine")
    job = await engine.http.post("/v1/jobs", json={"voice_id": voice["voice_id"], "text": "Nobody."})
    (folder / "mended.txt").touch()
    mended = await until_state(engine, "mine", "installed")

    assert "a part is missing" in error["message"]
    assert (one["state"], one["loaded"]) == ("broken", False)
    assert "a part is missing" in one["reason"]
    assert job.status_code == 409
    assert error_in(job)["details"] == {"model_id": "mine"}
    assert mended["reason"] is None
    assert await active(engine) == "fake"
    assert await finished(engine, voice_id=voice["voice_id"])


async def test_a_model_that_could_not_be_loaded_is_tried_again_when_it_is_activated_again(
    engine: Engine, children: dict[str, Program]
) -> None:
    children["worker"] = lambda *arguments: module(
        "tests.support.programs.worker_once_mended", arguments[1], engine.control
    )
    folder = checkpoint(models_folder(engine) / "mine")
    await refused(engine, "POST", "mine/activate", 409, "MODEL_NOT_READY")

    (folder / ".mended").touch()  # a hidden file is not one of the model

    assert (await model(engine, "mine"))["state"] == "broken"
    assert (await engine.post("/models/mine/activate"))["state"] == "active"
    assert (await model(engine, "mine"))["reason"] is None
    assert await active(engine) == "mine"


async def test_an_active_model_whose_folder_is_gone_can_do_nothing_and_the_others_go_on(
    engine: Engine, children: dict[str, Program]
) -> None:
    children["worker"] = lambda *_: fake_worker(engine.control)
    folder = checkpoint(models_folder(engine) / "mine")
    await engine.post("/models/mine/activate")
    await engine.post("/models/mine/unload")
    folder.rename(engine.data_dir / "elsewhere")
    await refused(engine, "GET", "mine", 404, "MODEL_NOT_FOUND")

    health = await engine.get("/health")
    design = await engine.http.post("/v1/voices/design", json={"display_name": "X", "description": "deep"})

    assert (health["active_model_id"], health["capabilities"]["languages"]) == ("mine", ["auto"])
    assert (design.status_code, error_in(design)["details"]) == (409, {"model_id": "mine"})
    assert await finished(engine)
    await engine.post("/models/fake/activate")
    assert await active(engine) == "fake"


async def test_somebody_who_listens_goes_before_a_render_with_another_large_model(
    engine: Engine, children: dict[str, Program]
) -> None:
    children["worker"] = lambda *_: fake_worker(engine.control)
    voices = dict[str, str]()
    for name in ("reads", "talks"):
        checkpoint(models_folder(engine) / name)
        (voice,) = (await engine.get(f"/voices?model_id={name}"))["voices"]
        voices[name] = voice["voice_id"]
    rendered = await render(engine, "[hold:book] A long book.", voice_id=voices["reads"], seed=1)
    await until_loaded(engine, "reads")

    spoken = await speak(engine, "Listen to me.", voice_id=voices["talks"], seed=2)

    assert (await engine.ended(spoken))["status"] == "completed"
    assert (await model(engine, "reads"))["loaded"] is False  # of large models one is in memory at a time
    assert (await engine.get(f"/jobs/{rendered}"))["status"] == "running"
    engine.release("book")
    await engine.post("/models/talks/unload")  # who has listened might go on to; the render would wait for that
    assert (await engine.ended(rendered))["status"] == "completed"
    assert (await engine.wav(spoken))[44:] == audio("Listen to me.", "default", 2)
    assert (await engine.wav(rendered))[44:] == audio("[hold:book] A long book.", "default", 1)


# Speech to text.


async def test_a_model_that_listens_is_active_beside_the_one_that_speaks_until_it_is_unloaded(
    start: Starter,
) -> None:
    async with start() as engine:
        checkpoint(models_folder(engine) / "ears", "whisper")
        listed = await model(engine, "ears")

        activated = await engine.post("/models/ears/activate")

        assert (listed["state"], listed["task"]) == ("installed", "stt")
        assert activated["state"] == "active"
        assert await active(engine) == "fake"
        assert (await engine.get("/health"))["capabilities"]["supports_transcription"] is True
        assert (await engine.get("/voices?model_id=ears"))["voices"] == []
        error = await refused(engine, "DELETE", "ears", 409, "WRONG_STATE")
        assert "ears" in error["message"]
    async with start() as engine:
        assert (await engine.get("/health"))["capabilities"]["supports_transcription"] is True

        unloaded = await engine.post("/models/ears/unload")

        assert unloaded["state"] == "installed"
        assert (await engine.get("/health"))["capabilities"]["supports_transcription"] is False
    async with start() as engine:
        assert (await engine.get("/health"))["capabilities"]["supports_transcription"] is False
        assert await engine.delete("/models/ears") == {"deleted": True}


# Downloads.


async def test_a_download_goes_on_until_it_is_canceled_and_what_it_left_can_be_deleted(
    engine: Engine, children: dict[str, Program]
) -> None:
    asked = list[tuple[str, ...]]()

    def fetch(*arguments: str) -> Sequence[str]:
        asked.append(arguments[:2])
        return command("scripted_download", "wait", arguments[2])

    children["fetch"] = fetch
    part = models_folder(engine) / ".downloads" / BASE

    response = await engine.http.post(f"/v1/models/{BASE}/download")
    assert (response.status_code, response.json()["state"]) == (202, "downloading")
    with anyio.fail_after(PATIENCE_S):
        while (one := await model(engine, BASE))["download"]["bytes_done"] != 4:
            await anyio.sleep(0.02)
    assert (one["state"], one["download"]["state"], one["download"]["bytes_total"]) == (
        "downloading",
        "downloading",
        8,
    )
    assert one["download"]["error"] is None
    again = await engine.http.post(f"/v1/models/{BASE}/download")
    assert (again.status_code, again.json()["state"]) == (202, "downloading")
    await refused(engine, "DELETE", BASE, 409, "WRONG_STATE")
    await refused(engine, "POST", f"{BASE}/activate", 409, "MODEL_NOT_READY")
    assert (part / "a.txt").exists()

    canceled = await engine.post(f"/models/{BASE}/cancel")

    assert (canceled["state"], canceled["download"]) == ("absent", None)
    assert (part / "a.txt").exists()
    await refused(engine, "POST", f"{BASE}/cancel", 409, "WRONG_STATE")
    assert await engine.delete(f"/models/{BASE}") == {"deleted": True}
    assert not part.exists()
    assert asked == [(PUBLISHED[BASE].repository, PUBLISHED[BASE].revision)]
    assert await active(engine) == "fake"


async def test_a_download_that_fails_says_why_and_can_be_begun_again(
    engine: Engine, children: dict[str, Program]
) -> None:
    children["fetch"] = lambda *arguments: command("scripted_download", "no space", arguments[2])
    await engine.post(f"/models/{BASE}/download", status=202)

    failed = await until_state(engine, BASE, "absent")

    assert failed["download"]["state"] == "failed"
    assert failed["download"]["error"] == {"code": "NO_SPACE", "message": "the disk is full", "details": {}}
    children["fetch"] = lambda *arguments: command("scripted_download", "wait", arguments[2])
    again = await engine.post(f"/models/{BASE}/download", status=202)
    assert (again["state"], again["download"]["error"]) == ("downloading", None)


async def test_a_download_that_ends_leaves_a_model_with_its_voices(
    engine: Engine, children: dict[str, Program], tmp_path: Path
) -> None:
    source = checkpoint(tmp_path / "source")
    children["fetch"] = lambda *arguments: command("scripted_download", "complete", arguments[2], source)
    children["worker"] = lambda *_: fake_worker(engine.control)
    await engine.post(f"/models/{BASE}/download", status=202)

    one = await until_state(engine, BASE, "installed")

    assert (one["download"], one["bytes"], one["reason"]) == (None, bytes_in(source), None)
    (voice,) = (await engine.get(f"/voices?model_id={BASE}"))["voices"]
    assert await finished(engine, voice_id=voice["voice_id"])
    await refused(engine, "POST", f"{BASE}/download", 409, "WRONG_STATE")
    assert await engine.delete(f"/models/{BASE}") == {"deleted": True}
    assert (await model(engine, BASE))["state"] == "absent"
    assert (await model(engine, BASE))["bytes"] == PUBLISHED[BASE].bytes
