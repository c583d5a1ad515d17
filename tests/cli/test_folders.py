"""What somebody types for a model: a folder's path, or a name."""

from pathlib import Path

import pytest

from app.cli.command import CommandFailed
from app.cli.folders import absolute_folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "org" / "name").mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize("given", ["./org/name", "~/org/name", "org/name", "org/../org/name"])
def test_a_folder_is_meant_where_there_is_one(here: Path, given: str) -> None:
    assert absolute_folder(given) == str(here / "org" / "name")
    assert absolute_folder(str(here / "org")) == str(here / "org")
    assert absolute_folder(".") == str(here)


def test_a_name_is_meant_otherwise(here: Path) -> None:
    assert here.is_dir()
    for name in ("espeak-ng", "org", "org/other", ""):
        assert absolute_folder(name) is None


@pytest.mark.parametrize("given", ["/nowhere/at/all", "./other", "../org", "~/other"])
def test_a_path_without_a_folder_is_an_error(here: Path, given: str) -> None:
    assert here.is_dir()
    with pytest.raises(CommandFailed, match="there is no folder"):
        absolute_folder(given)
