"""`/v1/models`: models as people bring them, in folders of any name and as other programs lay them out."""

import os
import shutil
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any
from unicodedata import normalize
from urllib.parse import quote

import anyio
import msgspec
import pytest

from app.errors import StartFailed
from app.inference.checkpoint.manifest import MANIFEST, Manifest, ManifestFile
from app.models.published import PUBLISHED
from tests.api.asking import finished
from tests.api.conftest import OpenerOfModels
from tests.api.models import BASE, Program, bytes_in, checkpoint, fake_worker, models_folder, refused
from tests.support.client import PATIENCE_S, Engine
from tests.support.fakes import fake_entry
from tests.support.running import command
from tests.support.variants import in_test_long

pytestmark = pytest.mark.anyio

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def cached(cache: Path, repository: str, commit: str = COMMIT) -> Path:
    """A model in the hub's cache; its snapshot."""
    root = cache / f"models--{repository.replace('/', '--')}"
    blobs = checkpoint(root / "blobs")
    snapshot = root / "snapshots" / commit
    snapshot.mkdir(parents=True)
    for blob in blobs.iterdir():
        (snapshot / blob.name).symlink_to(f"../../blobs/{blob.name}")
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text(commit)
    return snapshot


def hub_cache(engine: Engine) -> Path:
    """The cache of the hub's own tools, as this engine has it."""
    return engine.data_dir.with_name("hub")


async def listed(engine: Engine) -> dict[str, dict[str, Any]]:
    """The models that are on this machine, by id."""
    models = (await engine.get("/models"))["models"]
    return {one["model_id"]: one for one in models if one["state"] != "absent"}


async def skipped(engine: Engine) -> dict[str, str]:
    return {one["name"]: one["reason"] for one in (await engine.get("/models"))["skipped"]}


@pytest.mark.parametrize("name", ["北京 声音", "org/name", *in_test_long("my voice", "Grüße", "50% off?#")])
async def test_a_model_of_any_name_speaks_and_goes(engine: Engine, children: dict[str, Program], name: str) -> None:
    children["worker"] = lambda *_: fake_worker(engine.control)
    checkpoint(models_folder(engine) / normalize("NFD", name))
    path = f"/models/{quote(name, safe='')}"

    assert (await engine.get(path))["state"] == "installed"
    assert (await engine.get(f"/models/{quote(normalize('NFD', name), safe='')}"))["model_id"] == name
    assert (await engine.post(f"{path}/activate"))["state"] == "active"
    (voice,) = (await engine.get(f"/voices?model_id={quote(name)}"))["voices"]
    assert await finished(engine, voice_id=voice["voice_id"])
    assert (await engine.post(f"{path}/unload"))["loaded"] is False
    await engine.post("/models/fake/activate")
    assert await engine.delete(path) == {"deleted": True}
    assert [each.name for each in models_folder(engine).iterdir() if each.name != ".downloads"] == []


async def test_a_publishers_name_may_be_part_of_the_path(engine: Engine) -> None:
    checkpoint(models_folder(engine) / "publisher" / "model")

    assert (await engine.get("/models/publisher/model"))["state"] == "installed"
    assert (await engine.post("/models/publisher/model/unload"))["loaded"] is False


async def test_a_model_in_the_hubs_cache_is_used_where_it_is(engine: Engine, children: dict[str, Program]) -> None:
    children["worker"] = lambda *_: fake_worker(engine.control)
    snapshot = cached(hub_cache(engine), "Org/Name")
    cached(hub_cache(engine), "org/text")
    (hub_cache(engine) / "models--org--text" / "blobs" / "config.json").write_text('{"model_type": "gemma"}')

    (mine,) = [one for one in (await listed(engine)).values() if one["model_id"] != "fake"]

    assert (mine["model_id"], mine["repository"], mine["revision"]) == ("Org/Name", "Org/Name", COMMIT)
    assert (await engine.post("/models/org%2Fname/activate"))["state"] == "active"
    await engine.post("/models/fake/activate")
    error = await refused(engine, "DELETE", "Org%2FName", 409, "WRONG_STATE")
    assert str(hub_cache(engine)) in error["message"]
    assert snapshot.is_dir()


async def test_a_published_model_in_a_cache_is_that_model_and_needs_no_download(engine: Engine) -> None:
    published = PUBLISHED[BASE]
    cached(hub_cache(engine), published.repository)

    one = await engine.get(f"/models/{quote(published.repository, safe='')}")

    assert (one["model_id"], one["state"], one["revision"]) == (BASE, "installed", COMMIT)
    error = await refused(engine, "POST", f"{BASE}/download", 409, "WRONG_STATE")
    assert "is installed" in error["message"]


async def test_a_cached_download_that_is_not_complete_says_so(engine: Engine) -> None:
    for cache in (models_folder(engine), hub_cache(engine)):
        snapshot = cached(cache, PUBLISHED[BASE].repository)
        (snapshot / "model.safetensors").unlink()
        (snapshot.parent.parent / "blobs" / "1.incomplete").touch()

    broken = await engine.get(f"/models/{BASE}")
    shutil.rmtree(models_folder(engine) / f"models--{PUBLISHED[BASE].repository.replace('/', '--')}")
    absent = await engine.get(f"/models/{BASE}")

    assert broken["state"] == "broken"
    assert "its download is not complete (1 of its files" in broken["reason"]
    assert f"hf download {PUBLISHED[BASE].repository}" in broken["reason"]
    assert absent["state"] == "absent"
    assert [reason for name, reason in (await skipped(engine)).items() if "models--" in name] == [broken["reason"]]


async def test_any_repository_of_the_hub_is_downloaded_under_its_name(
    engine: Engine, children: dict[str, Program], tmp_path: Path
) -> None:
    source = checkpoint(tmp_path / "source")
    asked: list[tuple[str, ...]] = []

    def fetch(*arguments: str) -> Sequence[str]:
        asked.append(arguments[:2])
        return command("scripted_download", "complete", arguments[2], source)

    children["fetch"] = fetch
    children["worker"] = lambda *_: fake_worker(engine.control)
    begun = await engine.post("/models/org%2Fname/download", status=202)
    with anyio.fail_after(PATIENCE_S):
        while (one := await engine.get("/models/org/name"))["state"] == "downloading":
            await anyio.sleep(0.01)

    assert (begun["model_id"], begun["state"], begun["repository"]) == ("org/name", "downloading", "org/name")
    assert (one["state"], one["bytes"]) == ("installed", bytes_in(source))
    assert (models_folder(engine) / "org" / "name" / "config.json").exists()
    assert asked == [("org/name", "main")]
    await refused(engine, "POST", "org%2Fname/download", 409, "WRONG_STATE")
    assert await engine.delete("/models/org%2Fname") == {"deleted": True}
    await refused(engine, "GET", "org%2Fname", 404, "MODEL_NOT_FOUND")


async def test_a_repository_that_cannot_be_used_says_why_and_is_forgotten_when_it_is_deleted(
    engine: Engine, children: dict[str, Program]
) -> None:
    children["fetch"] = lambda *arguments: command("scripted_download", "no space", arguments[2])
    await engine.post("/models/org%2Fname/download", status=202)
    with anyio.fail_after(PATIENCE_S):
        while (one := await engine.get("/models/org/name"))["state"] == "downloading":
            await anyio.sleep(0.01)

    assert one["download"]["error"]["message"] == "the disk is full"
    assert "org/name" in [each["model_id"] for each in (await engine.get("/models"))["models"]]
    assert await engine.delete("/models/org%2Fname") == {"deleted": True}
    assert not (models_folder(engine) / ".downloads" / "org" / "name").exists()
    for name in ("org%2Fname", "org%2F..", "nobody", "a%2Fb%2Fc", "-a%2Fb"):
        await refused(engine, "GET", name, 404, "MODEL_NOT_FOUND")
    for name in ("org%2F..", "nobody", "a%2Fb%2Fc", "-a%2Fb"):
        await refused(engine, "POST", f"{name}/download", 404, "MODEL_NOT_FOUND")


async def test_a_file_that_has_changed_since_it_was_downloaded_is_found_when_it_is_checked(engine: Engine) -> None:
    folder = checkpoint(models_folder(engine) / "mine")
    unknown = await engine.post("/models/mine/check")
    weights = folder / "model.safetensors"
    content = weights.read_bytes()
    files = [ManifestFile(weights.name, len(content), sha256(content).hexdigest())]
    (folder / MANIFEST).write_bytes(msgspec.json.encode(Manifest("org/name", COMMIT, files)))

    whole = await engine.post("/models/org%2Fname/check")
    weights.write_bytes(content[:-1] + b"\1")
    os.utime(weights, (1, 1))
    before = await engine.get("/models/mine")
    damaged = await engine.post("/models/mine/check")

    assert (unknown["files_checked"], unknown["model"]["state"]) == (0, "installed")
    assert (whole["files_checked"], whole["model"]["state"]) == (1, "installed")
    assert (before["state"], before["repository"], before["revision"]) == ("installed", "org/name", COMMIT)
    assert (damaged["files_checked"], damaged["model"]["state"]) == (1, "broken")
    assert "not as they were downloaded: model.safetensors" in damaged["model"]["reason"]
    assert await engine.get("/models/mine") == damaged["model"]
    weights.write_bytes(content)
    assert (await engine.get("/models/mine"))["state"] == "installed"
    for model_id in ("fake", BASE):
        await refused(engine, "POST", f"{model_id}/check", 409, "MODEL_NOT_READY")


async def test_what_is_not_taken_for_a_model_is_listed_with_the_reason(engine: Engine) -> None:
    checkpoint(models_folder(engine) / "org" / "name")
    cached(models_folder(engine), "org/name")
    (models_folder(engine) / "voice.gguf").touch()

    found = await skipped(engine)

    assert found["voice.gguf"].startswith("it is a file; a model is a folder")
    assert [reason.partition(" is in ")[0] for reason in found.values() if "already" in reason] == [
        "the model org/name"
    ]


async def test_a_publishers_folder_that_is_a_link_keeps_its_models(engine: Engine, tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "elsewhere" / "model")
    (models_folder(engine) / "publisher").symlink_to(folder.parent)

    await refused(engine, "DELETE", "publisher%2Fmodel", 409, "WRONG_STATE")

    assert folder.is_dir()


async def test_an_engine_starts_with_the_model_in_a_folder_which_it_links_to(
    open_models: OpenerOfModels, tmp_path: Path
) -> None:
    folder = checkpoint(tmp_path / "my voice")

    for model_id in (str(folder), None):
        async with open_models(lambda control: [fake_entry(control)], model_id=model_id) as engine:
            found = await listed(engine)
            assert found["my voice"]["state"] == "active" if model_id else "installed"
            assert await refused(engine, "GET", quote(str(folder), safe=""), 404, "MODEL_NOT_FOUND")


async def test_an_engine_that_is_given_a_folder_without_a_model_does_not_start(
    open_models: OpenerOfModels, tmp_path: Path
) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(StartFailed, match=r"config\.json"):
            async with open_models(lambda control: [fake_entry(control)], model_id=str(folder)):
                pass


async def test_an_engine_starts_with_a_model_of_the_cache_by_its_repository(
    open_models: OpenerOfModels, tmp_path: Path
) -> None:
    cached(tmp_path / "hub", "org/name")

    async with open_models(lambda control: [fake_entry(control)], model_id="org/name") as engine:
        assert (await engine.get("/health"))["active_model_id"] == "org/name"
