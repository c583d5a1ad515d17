"""`q3tts selftest` as a person and a script see it."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from app.cli.selftest import selftest
from app.selftest import check, folder
from app.selftest.check import brief
from app.selftest.checks import CHECKS


def test_without_a_temporary_folder_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: Any) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(check.tempfile, "mkdtemp", fail)

    ended = CliRunner().invoke(selftest, [])

    assert ended.exit_code == 1
    said = " ".join(ended.output.split())
    assert "No space left on device" in said
    assert "TMPDIR" in said


def test_one_check_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = CliRunner().invoke(selftest, ["--only", "folder", "--json"])

    assert ended.exit_code == 0
    assert [each["name"] for each in json.loads(ended.stdout)["checks"]] == ["folder"]


def test_a_check_that_is_not_there_is_refused() -> None:
    assert CliRunner().invoke(selftest, ["--only", "moon"]).exit_code == 2


def test_failures_are_reported_in_lines_of_80_characters_and_in_the_exit_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(folder, "MIN_BYTES", 1 << 60)

    ended = CliRunner().invoke(selftest, ["--only", "folder"])

    assert ended.exit_code == 1
    assert "FAILED  folder" in ended.stdout
    assert "the self-test failed: folder" in ended.stderr
    assert all(len(line) <= 80 for line in ended.output.splitlines())


def test_long_messages_keep_their_beginning_and_their_end() -> None:
    said = brief("numpy failed\n" + "advice " * 500 + "Original error was: no such file")

    assert said.startswith("numpy failed advice")
    assert said.endswith("Original error was: no such file")
    assert len(said) < check.LONGEST


def test_every_check_is_documented_with_what_it_proves() -> None:
    page = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")

    for each in CHECKS:
        assert f"| `{each.name}` | {each.proves} |" in page
