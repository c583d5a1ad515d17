"""What a killed single-file bundle has unpacked is removed by the next one, and nothing else is."""

import fcntl
import os
import sys
import time
from pathlib import Path

import pytest

from app.process import leftovers
from app.process.leftovers import LOCK, MARK, UNPACKING_S, hold_unpacked, sweep_leftovers


def unpack(folder: Path, *files: str) -> Path:
    """A folder as a bootloader makes it."""
    (folder / "app").mkdir(parents=True)
    for name in ("app/library.so", *files):
        (folder / name).write_text("unpacked")
    return folder


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = unpack(tmp_path / "_MEIown", MARK)
    monkeypatch.setattr(sys, "_MEIPASS", str(folder), raising=False)
    return folder


def test_what_a_killed_process_has_left_is_removed(own: Path) -> None:
    left = unpack(own.with_name("_MEIleft"), MARK, LOCK)

    sweep_leftovers()

    assert not left.exists()
    assert own.exists()


def test_what_a_process_still_uses_is_kept(own: Path) -> None:
    used = unpack(own.with_name("_MEIused"), MARK, LOCK)
    with (used / LOCK).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)

        sweep_leftovers()

    assert (used / "app" / "library.so").exists()


def test_a_folder_that_is_being_unpacked_is_kept_until_that_cannot_be_any_more(own: Path) -> None:
    begun = unpack(own.with_name("_MEIbegun"), MARK)

    sweep_leftovers()
    assert begun.exists()

    before = time.time() - UNPACKING_S - 1
    for path in (begun / MARK, begun):
        os.utime(path, (before, before))
    sweep_leftovers()
    assert not begun.exists()


def test_folders_of_others_are_kept(own: Path) -> None:
    ours = unpack(own.with_name("elsewhere"), MARK, LOCK)
    link = own.with_name("_MEIlink")
    link.symlink_to(ours)
    kept = [unpack(own.with_name("_MEIother")), unpack(own.with_name("_MEIlocked"), LOCK), ours, link]

    sweep_leftovers()

    assert all((folder / "app" / "library.so").exists() for folder in kept)


def test_what_cannot_be_removed_now_stays_marked(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = unpack(own.with_name("_MEIleft"), MARK, LOCK)
    removed: list[str] = []

    def only_note(path: Path, **_: object) -> None:
        removed.append(path.name)

    monkeypatch.setattr(leftovers.shutil, "rmtree", only_note)

    sweep_leftovers()

    assert removed == ["app", "_MEIleft"]
    assert {path.name for path in left.iterdir()} == {"app", MARK, LOCK}


def test_every_process_of_a_bundle_holds_its_folder(own: Path) -> None:
    hold_unpacked()
    hold_unpacked()

    with (own / LOCK).open() as lock, pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert {path.name for path in own.iterdir()} == {"app", MARK, LOCK}
    held = [fd for fd in Path("/dev/fd").iterdir() if fd.exists() and fd.samefile(own / LOCK)]
    assert not any(os.get_inheritable(int(fd.name)) for fd in held)
    for fd in held:
        os.close(int(fd.name))


def test_from_source_nothing_is_held_or_swept(tmp_path: Path) -> None:
    left = unpack(tmp_path / "_MEIleft", MARK, LOCK)

    hold_unpacked()
    sweep_leftovers()

    assert left.exists()
