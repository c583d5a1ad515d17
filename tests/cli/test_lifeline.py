"""The pipe that keeps the engine of a command running, as the engine sees it."""

import os
import select

import pytest

from app.cli.lifeline import TOKEN, join_lifeline, new_lifeline


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


def test_nobody_joins_an_engine_that_has_ended() -> None:
    with new_lifeline("secret") as (first, _):
        pass  # nobody reads from here on

    assert join_lifeline(first.folder) is None
    with pytest.raises(BrokenPipeError):
        first.write(b"hello\n")
    assert first.release()
