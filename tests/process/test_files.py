"""A file that is written atomically is whole or not there, and nobody else's is touched for it."""

import os
import stat
from pathlib import Path

import pytest

from app.process.files import atomic_write, new_file_beside


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("unique", [False, True])
def test_what_was_there_is_replaced_when_the_block_ends(tmp_path: Path, unique: bool) -> None:
    target = tmp_path / "file"
    target.write_text("old")

    with atomic_write(target, unique=unique) as file:
        file.write(b"new")
        assert target.read_text() == "old"

    assert target.read_text() == "new"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("unique", [False, True])
def test_a_block_that_fails_leaves_what_was_there(tmp_path: Path, unique: bool) -> None:
    target = tmp_path / "file"
    target.write_text("old")

    def fails() -> None:
        with atomic_write(target, unique=unique) as file:
            file.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()

    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("umask", [0, 0o022, 0o077])
def test_a_mode_that_is_given_is_exact_and_any_other_is_the_umasks(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        for name, wanted in (("private", 0o600), ("shared", 0o640), ("any", None)):
            with atomic_write(tmp_path / name, mode=wanted):
                pass
    finally:
        os.umask(before)

    assert [mode(tmp_path / name) for name in ("private", "shared", "any")] == [0o600, 0o640, 0o666 & ~umask]


def test_what_a_crash_has_left_is_replaced(tmp_path: Path) -> None:
    (tmp_path / ".file.partial").write_text("half")

    with atomic_write(tmp_path / "file") as file:
        file.write(b"whole")

    assert os.listdir(tmp_path) == ["file"]


def test_with_a_unique_name_nobodys_file_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / ".file.partial").write_text("theirs")

    with (
        atomic_write(tmp_path / "file", unique=True) as first,
        atomic_write(tmp_path / "file", unique=True) as second,
    ):
        assert first.name != second.name

    assert (tmp_path / ".file.partial").read_text() == "theirs"


@pytest.mark.parametrize("durable", [False, True])
def test_only_a_durable_file_is_flushed_to_disk(
    tmp_path: Path, durable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda fd: sizes.append(os.fstat(fd).st_size))  # pyright: ignore[reportUnknownArgumentType, reportUnknownLambdaType]

    with atomic_write(tmp_path / "file", durable=durable) as file:
        file.write(b"all of it")

    assert sizes == ([9] if durable else [])


def test_a_new_file_is_gone_with_its_block(tmp_path: Path) -> None:
    with new_file_beside(tmp_path / "file", unique=True) as file:
        assert os.listdir(tmp_path) == [Path(file.name).name]

    assert os.listdir(tmp_path) == []
