"""An edit of the handlers is in force with the next request; a bad one breaks nothing but the request."""

import os
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any, cast

import pytest

from app.daemon import handlers
from app.daemon.engine import DaemonContext
from app.daemon.reloading import Handlers
from app.errors import SpeechError

pytestmark = pytest.mark.anyio

#: What stands in the file, with something to be edited in it.
SOURCE = """
WORD = "{word}"

async def handle(engine, request):
    await engine.pause()
    return {{"status": "ok", "word": WORD, "helper": helper()}}

def helper():
    return "{word}"
"""


class Fake:
    async def pause(self) -> None:
        pass


@pytest.fixture(autouse=True)
def module() -> Generator[None]:
    """The real handlers are what is imported afterwards."""
    yield
    sys.modules[handlers.__name__] = handlers


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "handlers.py"
    edit(path, "one")
    return path


def edit(path: Path, word: str) -> None:
    path.write_text(SOURCE.format(word=word))


async def said(current: Handlers, engine: Any = None) -> Any:
    return (await current.current()(cast(DaemonContext, engine or Fake()), {}))["word"]


async def test_an_edit_is_in_force_with_the_next_request(source: Path) -> None:
    current = Handlers(source)
    assert await said(current) == "one"

    edit(source, "another")

    assert await said(current) == "another"


async def test_edits_that_differ_in_neither_time_nor_size_are_seen(source: Path) -> None:
    current = Handlers(source)
    for word in ("one", "two", "six", "ten", "one"):
        edit(source, word)
        os.utime(source, ns=(0, 0))

        assert await said(current) == word


async def test_a_compiled_file_beside_it_is_neither_used_nor_made(source: Path) -> None:
    current = Handlers(source)
    await said(current)

    assert list(source.parent.iterdir()) == [source]


async def test_an_edit_is_seen_although_it_came_before_the_first_request(source: Path) -> None:
    current = Handlers(source)
    edit(source, "two")

    assert await said(current) == "two"


async def test_what_is_not_edited_is_not_made_again(source: Path) -> None:
    current = Handlers(source)

    first = current.current()
    os.utime(source)

    assert current.current() is first


async def test_a_running_request_goes_on_with_what_it_began_with(source: Path) -> None:
    current = Handlers(source)

    class Editing(Fake):
        async def pause(self) -> None:
            edit(source, "two")
            assert await said(current) == "two"

    answer = await current.current()(cast(DaemonContext, Editing()), {})

    assert answer == {"status": "ok", "word": "one", "helper": "one"}


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ("async def handle(engine, request:\n", "SyntaxError"),
        ("raise KeyError('at import')\n", "KeyError: 'at import'"),
        ("import nothing_of_this_name\n", "ModuleNotFoundError"),
        ("raise SystemExit(3)\n", "SystemExit: 3"),
        ("text = 'no handle'\n", "handle"),
        ("", "handle"),
        ("\0", "SyntaxError"),
        ("# -*- coding: nothing -*-\n", "SyntaxError"),
    ],
)
async def test_a_broken_edit_is_reported_with_every_request_until_it_is_good_again(
    source: Path, broken: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    current = Handlers(source)
    await said(current)
    source.write_text(broken)

    for _ in range(2):
        with pytest.raises(SpeechError, match="cannot be used") as error:
            current.current()
        assert why in str(error.value)
        assert str(source) in str(error.value)
        assert error.value.code == "INTERNAL"
    assert "Traceback" in caplog.text

    edit(source, "two")
    assert await said(current) == "two"


async def test_the_good_one_from_before_is_good_again(source: Path) -> None:
    current = Handlers(source)
    await said(current)
    source.write_text("broken(")
    with pytest.raises(SpeechError):
        current.current()

    edit(source, "one")

    assert await said(current) == "one"


async def test_a_file_that_is_gone_is_reported_until_it_is_back(source: Path) -> None:
    current = Handlers(source)
    source.unlink()
    with pytest.raises(SpeechError, match="FileNotFoundError"):
        current.current()

    edit(source, "two")

    assert await said(current) == "two"


async def test_a_broken_edit_leaves_no_half_of_a_module(source: Path) -> None:
    current = Handlers(source)
    good = sys.modules[current.current().__module__]
    source.write_text("WORD = 'half'\nraise KeyError\n")

    with pytest.raises(SpeechError):
        current.current()

    assert sys.modules[handlers.__name__] is good


def test_handlers_without_a_source_stay_as_they_were_imported() -> None:
    assert Handlers(None).current() is handlers.handle


def test_the_programs_own_are_read_from_their_source() -> None:
    handle = Handlers.of_this_program().current()

    assert handle is not handlers.handle
    assert handle.__code__.co_filename == handlers.__file__
    assert handle.__code__.co_code == handlers.handle.__code__.co_code


def test_a_frozen_program_keeps_what_was_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)

    assert Handlers.of_this_program().current() is handlers.handle
