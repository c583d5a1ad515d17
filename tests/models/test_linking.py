"""A folder from elsewhere becomes a model by a link in the models folder."""

from pathlib import Path

import pytest

from app.errors import InvalidRequest, ModelNotReady, StorageFailed
from app.models.installed import InstalledModels
from tests.api.models import broken, checkpoint

pytestmark = pytest.mark.anyio


@pytest.fixture
def models(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


async def test_a_folder_is_linked_to_once(models: Path, tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "my voice")
    shelf = InstalledModels(models)

    assert [await shelf.link(folder) for _ in range(2)] == ["my voice", "my voice"]
    assert [(link.name, link.readlink()) for link in models.iterdir()] == [("my voice", folder)]


async def test_two_folders_of_one_name_are_two_models(models: Path, tmp_path: Path) -> None:
    shelf = InstalledModels(models)

    assert await shelf.link(checkpoint(tmp_path / "a" / "voice")) == "voice"
    assert await shelf.link(checkpoint(tmp_path / "b" / "voice")) == "voice-2"


async def test_a_model_that_is_known_needs_no_link(models: Path, tmp_path: Path) -> None:
    cache = tmp_path / "hub"
    snapshot = checkpoint(cache / "models--org--name" / "snapshots" / "abc")
    own = checkpoint(models / "own")
    shelf = InstalledModels(models, cache)

    assert await shelf.link(snapshot) == "org/name"
    assert await shelf.link(cache / "models--org--name") == "org/name"
    assert await shelf.link(own) == "own"
    assert list(models.iterdir()) == [own]


@pytest.mark.parametrize("given", ["models--org--name", "models--org--name/snapshots/abc"])
async def test_a_repository_of_another_cache_keeps_its_name(models: Path, tmp_path: Path, given: str) -> None:
    checkpoint(tmp_path / "hub" / "models--org--name" / "snapshots" / "abc")

    assert await InstalledModels(models).link(tmp_path / "hub" / given) == "org/name"


async def test_a_link_is_never_put_into_a_folder_of_the_users(models: Path, tmp_path: Path) -> None:
    publisher = checkpoint(tmp_path / "elsewhere" / "model").parent
    (models / "org").symlink_to(publisher)
    snapshot = checkpoint(tmp_path / "hub" / "models--org--name" / "snapshots" / "abc")

    assert await InstalledModels(models).link(snapshot) == "name"
    assert [each.name for each in publisher.iterdir()] == ["model"]


async def test_what_is_not_one_model_is_refused_and_not_linked_to(models: Path, tmp_path: Path) -> None:
    shelf = InstalledModels(models)
    checkpoint(tmp_path / "org" / "one")
    checkpoint(tmp_path / "org" / "two")

    with pytest.raises(InvalidRequest, match="there is no folder"):
        await shelf.link(tmp_path / "nowhere")
    with pytest.raises(InvalidRequest, match="holds several models: org/one, org/two"):
        await shelf.link(tmp_path / "org")
    with pytest.raises(ModelNotReady, match=r"cannot be used: config\.json does not say what the model is"):
        await shelf.link(broken(tmp_path / "bad"))
    assert list(models.iterdir()) == []


async def test_a_models_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")

    with pytest.raises(StorageFailed, match="put the model there yourself"):
        await InstalledModels(tmp_path / "models").link(checkpoint(tmp_path / "voice"))
