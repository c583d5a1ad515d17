"""The pipe that keeps the engine of a command running, as the engine sees it."""

import os
import select
import tempfile
from pathlib import Path

import pytest

from app.cli.lifeline import PREFIX, TOKEN, join_lifeline, new_lifeline


def has_ended(reading: int) -> bool:
    readable, _, _ = select.select([reading], [], [], 0)
    return bool(readable) and os.read(reading, 1) == b""


def test_the_pipe_ends_with_the_last_one_that_holds_it_and_its_folder_with_it() -> None:
    with new_lifeline("secret") as (first, reading):
        first.write(b"hello\n")
        assert os.read(reading, 6) == b"hello\n"
        second = join_lifeline(first.folder)
        assert second is not None
        assert (second.folder / TOKEN).read_text() == "secret"

        assert not first.release()
        assert not has_ended(reading)
        assert second.folder.stat().st_mode & 0o777 == 0o700
        assert second.release()

        assert has_ended(reading)
        assert not first.folder.exists()
        assert join_lifeline(first.folder) is None


def test_what_a_killed_command_has_left_is_removed_by_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, fresh = tmp_path / f"{PREFIX}left", tmp_path / f"{PREFIX}fresh"
    for folder in (left, fresh):
        folder.mkdir()
        (folder / TOKEN).touch()
    os.utime(left / TOKEN, (0, 0))
    with new_lifeline("one") as (used, _):
        os.utime(used.folder / TOKEN, (0, 0))
        with new_lifeline("two") as (second, _):
            assert {path.name for path in tmp_path.iterdir()} == {
                fresh.name,
                used.folder.name,
                second.folder.name,
            }
            second.release()
        used.release()


def test_nobody_joins_an_engine_that_has_ended() -> None:
    with new_lifeline("secret") as (first, _):
        pass  # nobody reads from here on

    assert join_lifeline(first.folder) is None
    with pytest.raises(BrokenPipeError):
        first.write(b"hello\n")
    assert first.release()
