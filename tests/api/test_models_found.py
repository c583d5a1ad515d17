"""What once went wrong between the models folder, the supervisors and the store, and must not come back."""

import asyncio
import os
from functools import partial

import anyio
import pytest

from app.inference.model import Lane, Utterance, VoiceKind, VoiceSpec
from tests.api.asking import finished
from tests.api.conftest import OpenerOfModels
from tests.api.models import (
    BASE,
    DIES,
    WHISPER,
    Program,
    both,
    broken,
    checkpoint,
    fake_worker,
    models_folder,
    refused,
    script,
    worker_pid,
)
from tests.support.client import Engine
from tests.support.fakes import VOICE_ID

pytestmark = pytest.mark.anyio


async def test_presets_come_whoever_was_the_first_to_look_at_the_folder(engine: Engine) -> None:
    checkpoint(models_folder(engine) / "mine")
    await refused(engine, "POST", "fake/download", 409, "WRONG_STATE")

    assert len((await engine.get("/voices?model_id=mine"))["voices"]) == 1


async def test_presets_are_there_for_all_who_ask_at_once(engine: Engine) -> None:
    checkpoint(models_folder(engine) / "mine")

    answers = await asyncio.gather(*(engine.get("/voices?model_id=mine") for _ in range(6)))

    assert [len(answer["voices"]) for answer in answers] == [1] * 6


async def test_a_folder_that_is_called_like_a_builtin_model_does_not_take_its_voices(engine: Engine) -> None:
    checkpoint(models_folder(engine) / "fake")

    voices = (await engine.get("/voices?model_id=fake"))["voices"]

    assert VOICE_ID in {voice["voice_id"] for voice in voices}


async def test_an_activation_that_fails_names_its_model(open_models: OpenerOfModels) -> None:
    async with open_models(partial(both, command=script(DIES))) as engine:
        error = await refused(engine, "POST", "other/activate", 409, "MODEL_NOT_READY")

        assert error["details"] == {"model_id": "other"}


async def test_something_else_in_a_models_place_is_in_the_way_of_its_download(engine: Engine) -> None:
    (models_folder(engine) / BASE).write_text("a file")

    await refused(engine, "POST", f"{BASE}/download", 409, "WRONG_STATE")


async def test_a_speech_to_text_model_that_is_not_here_is_called_absent(engine: Engine) -> None:
    error = await refused(engine, "POST", f"{WHISPER}/activate", 409, "MODEL_NOT_READY")

    assert "absent" in error["message"]


async def test_a_folder_that_cannot_be_removed_is_not_a_defect(engine: Engine) -> None:
    broken(models_folder(engine) / "mine")
    (models_folder(engine) / ".mine.deleted").write_text("in the way")

    response = await engine.http.delete("/v1/models/mine")

    assert response.status_code == 507


async def test_files_that_have_changed_are_loaded_again(engine: Engine, children: dict[str, Program]) -> None:
    children["worker"] = lambda *_: fake_worker(engine.control)
    folder = checkpoint(models_folder(engine) / "mine")
    await engine.post("/models/mine/activate")
    before = worker_pid(engine)
    os.utime(folder / "model.safetensors", (1, 1))

    (voice,) = (await engine.get("/voices?model_id=mine"))["voices"]
    await finished(engine, voice_id=voice["voice_id"])

    assert worker_pid(engine) != before


async def test_what_is_submitted_while_a_model_is_unloaded_is_spoken_by_the_next_worker(engine: Engine) -> None:
    await finished(engine)
    (worker,) = engine.parts.registry.workers
    unloading = asyncio.create_task(engine.parts.registry.unload("fake"))
    await asyncio.sleep(0)

    take = worker.submit(
        Utterance(text="Hi.", voice=VoiceSpec(VoiceKind.PRESET, name="one"), lane=Lane.RENDER, seed=1)
    )

    with anyio.fail_after(20):
        await unloading
        assert b"".join([pcm async for pcm in take.pcm()])
