"""Tables that fit, text that is cut, times and sizes as people say them."""

import json
import sys
from datetime import UTC, datetime

import pytest

from app.cli import terminal
from app.cli.terminal import (
    Column,
    clock,
    cut,
    is_colored,
    local_time,
    one_line,
    print_facts,
    print_json,
    print_table,
    size,
    speed,
    width,
)


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")


COLUMNS = (Column("ID"), Column("SIZE", right=True), Column("NAME", cut=True), Column("NOTE", cut=True))


def test_a_table_has_its_columns_under_their_titles(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(COLUMNS, [["1234", "5", "short", ""], ["12345678", "5 GB", "", "x"]])

    assert capsys.readouterr().out == (
        "ID        SIZE  NAME   NOTE\n1234         5  short\n12345678  5 GB         x\n"
    )


def test_where_there_is_no_room_the_widest_that_may_be_cut_give_way(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(COLUMNS, [["12345678", "5 GB", "a long name " * 5, "a note of some length"]])

    title, row = capsys.readouterr().out.splitlines()
    assert title == "ID        SIZE  NAME         NOTE"
    assert row == "12345678  5 GB  a long nam…  a note of…"


def test_what_cannot_be_cut_is_shown_whole(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([Column("A"), Column("B")], [["a" * 30, "b" * 30]])

    assert capsys.readouterr().out.splitlines()[1] == f"{'a' * 30}  {'b' * 30}"


def test_wide_characters_count_twice_and_combining_ones_not_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert width("日本") == 4
    assert width("e\u0301") == 1
    assert cut("日本語の声", 6) == "日本…"

    print_table([Column("A"), Column("B")], [["日本", "x"], ["abcd", "y"]])
    assert capsys.readouterr().out == "A     B\n日本  x\nabcd  y\n"


def test_what_would_move_the_cursor_is_taken_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert one_line("a\x1b[31mb\nc\u202ed") == "a [31mb c d"

    print_table([Column("A")], [["evil\x1b]0;title\x07\n"]])
    print_facts({"title": "evil\x1b[2J"})
    assert not set("\x1b\x07") & set(capsys.readouterr().out)


def test_facts_are_wrapped_and_nothing_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    print_facts({"id": "x" * 50, "nothing": "", "said": "the tide is out " * 4})

    assert capsys.readouterr().out.splitlines() == [
        f"id    {'x' * 50}",
        "said  the tide is out the tide is out",
        "      the tide is out the tide is out",
    ]


def test_json_is_one_document_in_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"text": "ü\ud800"})

    printed = capsys.readouterr().out
    assert printed.isascii()
    assert json.loads(printed) == {"text": "ü\ud800"}


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0:00"), (59.6, "1:00"), (75, "1:15"), (3599.4, "59:59"), (3675, "1:01:15")]
)
def test_seconds_are_shown_as_on_a_clock(seconds: float, said: str) -> None:
    assert clock(seconds) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (None, ""),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9_960, "10 kB"),
        (172_452, "172 kB"),
        (999_600, "1.0 MB"),
        (2_516_106_051, "2.5 GB"),
        (12_345_678_901_234, "12,346 GB"),
    ],
)
def test_bytes_are_shown_in_units_that_people_use(count: int | None, said: str) -> None:
    assert size(count) == said


def test_times_are_those_of_here() -> None:
    now = datetime.now(UTC)
    shown = local_time(now.isoformat().replace("+00:00", "Z"))

    assert shown == now.astimezone().strftime("%d %b %H:%M")
    assert local_time("2020-03-01T12:00:00Z") == "01 Mar 2020"
    assert local_time(None) == ""
    exact = local_time("2020-03-01T12:00:00.5Z", exact=True)
    assert datetime.strptime(exact, "%Y-%m-%d %H:%M:%S").astimezone() == datetime(2020, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("factor", "said"),
    [
        (None, ""),
        (0.0021, "real-time factor 0.0021 (476 × real time)"),
        (0.8, "real-time factor 0.8 (1.2 × real time)"),
    ],
)
def test_speed_is_shown_both_ways(factor: float | None, said: str) -> None:
    assert speed(factor) == said


def test_colours_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    assert not is_colored()

    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert is_colored()

    monkeypatch.setenv("TERM", "dumb")
    assert not is_colored()
    monkeypatch.delenv("TERM")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not is_colored()


def test_colours_take_no_room(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "is_colored", lambda: True)
    monkeypatch.setattr(terminal.click, "echo", print)

    print_table([Column("STATUS", colors={"failed": "red"}), Column("N")], [["failed 3%", "x"], ["queued", "y"]])

    lines = capsys.readouterr().out.splitlines()
    assert "\x1b[31mfailed 3%\x1b[0m  x" in lines[1]
    assert lines[2].replace("\x1b[0m", "") == "queued     y"
