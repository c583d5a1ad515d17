"""Where models lie in a folder: what is found, under which name, and what is said of the rest."""

import os
from pathlib import Path
from unicodedata import normalize

import pytest

from app.inference.checkpoint.layouts import ModelPlace, Skipped, find_models, hub_cache, repository_name


def model(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_text("weights")
    return folder


def cached(cache: Path, name: str, *commits: str, main: str = "") -> Path:
    """A repository as the hub's own tools keep it: snapshots of links to blobs."""
    repository = cache / name
    (repository / "blobs").mkdir(parents=True)
    (repository / "blobs" / "1").write_text("{}")
    for commit in commits:
        (repository / "snapshots" / commit).mkdir(parents=True)
        (repository / "snapshots" / commit / "config.json").symlink_to("../../blobs/1")
    if main:
        (repository / "refs").mkdir()
        (repository / "refs" / "main").write_text(main)
    return repository


def places(folder: Path) -> dict[str, ModelPlace]:
    return {place.model_id: place for place in find_models(folder) if isinstance(place, ModelPlace)}


def skipped(folder: Path) -> dict[str, str]:
    return {place.name: place.reason for place in find_models(folder) if isinstance(place, Skipped)}


@pytest.mark.parametrize("name", ["my voice", "Grüße", "北京 声音", "-x", "_a", "émile.v2", "👩‍🚀"])
def test_any_name_that_is_text_is_the_id_of_a_model(tmp_path: Path, name: str) -> None:
    folder = model(tmp_path / name)

    assert {model_id: place.folder for model_id, place in places(tmp_path).items()} == {name: folder}


def test_a_name_that_is_decomposed_has_the_same_id_as_one_that_is_composed(tmp_path: Path) -> None:
    folder = model(tmp_path / normalize("NFD", "Grüße"))

    (place,) = places(tmp_path).values()

    assert place.model_id == normalize("NFC", "Grüße")
    assert place.folder == folder


def test_the_hubs_cache_has_the_commit_that_is_main(tmp_path: Path) -> None:
    root = cached(tmp_path, "models--org--my--model", "aaa", "bbb", main="aaa\n")

    (place,) = places(tmp_path).values()

    assert place == ModelPlace(
        model_id="org/my--model",
        folder=root / "snapshots" / "aaa",
        root=root,
        repository="org/my--model",
        commit="aaa",
    )
    assert repository_name(place.folder) == "org/my--model"


def test_without_a_main_it_is_the_newest_commit(tmp_path: Path) -> None:
    root = cached(tmp_path, "models--org--name", "aaa", "bbb")
    os.utime(root / "snapshots" / "bbb", (1, 1))

    assert places(tmp_path)["org/name"].commit == "aaa"


def test_a_download_that_is_not_complete_is_known_as_one(tmp_path: Path) -> None:
    root = cached(tmp_path, "models--org--name", "aaa", main="aaa")
    (root / "blobs" / "1234.incomplete").write_text("half")
    cached(tmp_path, "models--org--begun")

    found = places(tmp_path)

    assert found["org/name"].unfinished == "1 of its files are not complete"
    assert found["org/begun"].unfinished == "there is no snapshot of it"


def test_the_models_of_a_publisher_have_its_name_in_front(tmp_path: Path) -> None:
    one, two = model(tmp_path / "publisher" / "one"), model(tmp_path / "publisher" / "two")
    (tmp_path / "publisher" / "three").mkdir()

    found = places(tmp_path)

    assert {name: place.root for name, place in found.items()} == {
        "publisher/one": one,
        "publisher/two": two,
        "publisher/three": tmp_path / "publisher" / "three",
    }


def test_a_cache_within_the_folder_and_a_link_into_one_are_found(tmp_path: Path) -> None:
    cached(tmp_path / "models" / "hub", "models--org--name", "aaa", main="aaa")
    other = cached(tmp_path / "elsewhere", "models--org--other", "bbb", main="bbb")
    (tmp_path / "models" / "mine").symlink_to(other)

    found = places(tmp_path / "models")

    assert {name: place.commit for name, place in found.items()} == {"org/name": "aaa", "mine": "bbb"}


def test_a_folder_of_a_model_that_has_lost_files_is_not_a_publishers(tmp_path: Path) -> None:
    model(tmp_path / "mine" / "speech_tokenizer")

    assert list(places(tmp_path)) == ["mine"]


def test_what_is_passed_over_is_said_with_a_reason(tmp_path: Path) -> None:
    for name in ("voice.safetensors", "voice-q4.GGUF", "notes.txt", ".hidden"):
        (tmp_path / name).touch()
    (tmp_path / "gone").symlink_to("/nowhere")
    (tmp_path / "datasets--org--name").mkdir()
    (tmp_path / "a\nb").mkdir()

    found = skipped(tmp_path)

    assert list(find_models(tmp_path))
    assert not places(tmp_path)
    assert {name: reason.split(";")[0] for name, reason in found.items()} == {
        "voice.safetensors": "it is a file",
        "voice-q4.GGUF": "it is a file",
        "gone": "it is a link to nothing",
        "datasets--org--name": "it is a data set of the hub's cache, not a model",
        "a\nb": "its name has control characters",
    }


@pytest.mark.skipif(os.uname().sysname == "Darwin", reason="names are UTF-8 there")
def test_a_name_that_is_not_text_is_passed_over(tmp_path: Path) -> None:
    os.mkdir(os.fsencode(tmp_path) + b"/\xff")

    assert skipped(tmp_path) == {"\ufffd": "its name is not UTF-8; rename it"}


def test_a_folder_that_cannot_be_read_is_not_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(find_models(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("environment", "cache"),
    [
        ({"HF_HUB_CACHE": "/a", "HF_HOME": "/b"}, "/a"),
        ({"HUGGINGFACE_HUB_CACHE": "/a", "HF_HOME": "/b"}, "/a"),
        ({"HF_HOME": "/b", "XDG_CACHE_HOME": "/c"}, "/b/hub"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/huggingface/hub"),
    ],
)
def test_the_cache_is_where_the_hubs_tools_have_it(environment: dict[str, str], cache: str) -> None:
    assert hub_cache(environment) == Path(cache)
    assert hub_cache({}) == Path.home() / ".cache" / "huggingface" / "hub"
