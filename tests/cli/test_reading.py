"""The text that a command is given, in whatever encoding it comes."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from app.cli.command import CommandFailed
from app.cli.reading import encoding, read_text

TEXT = "Größe, ça va? 北京。\nZweite Zeile."


@pytest.mark.parametrize("name", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_text_in_unicode_is_read_whatever_its_form(tmp_path: Path, name: str) -> None:
    file = tmp_path / "text.txt"
    file.write_bytes(TEXT.encode(name))

    assert read_text(file, None) == TEXT


def test_a_text_that_begins_with_a_mark_of_either_order_is_read(tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    for name in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        file.write_bytes(f"\ufeff{TEXT}".encode(name))
        assert read_text(file, None) == TEXT


def test_bytes_that_could_be_anything_are_not_guessed_at(tmp_path: Path) -> None:
    file = tmp_path / "it's.txt"
    file.write_bytes("Größe".encode("windows-1252"))

    with pytest.raises(CommandFailed, match="not text in UTF-8") as failed:
        read_text(file, None)
    assert "--encoding windows-1252" in failed.value.message
    assert failed.value.exit_code == 2
    assert read_text(file, "windows-1252") == "Größe"
    with pytest.raises(CommandFailed, match="is not text in ascii"):
        read_text(file, "ascii")


@pytest.mark.parametrize("data", [b"", b"a", b"\0", b"a\0b", b"Null\0zeichen"])
def test_short_texts_and_single_zeros_are_not_utf_16(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "text.txt"
    file.write_bytes(data)

    assert len(read_text(file, None)) in (len(data), 1)


@pytest.mark.parametrize("name", ["klingon", "base64", "rot13", ""])
def test_an_encoding_that_makes_no_text_is_refused(name: str) -> None:
    @click.command()
    @encoding
    def command(encoding: str | None) -> None:
        """Nothing."""

    run = CliRunner().invoke(command, ["--encoding", name])

    assert run.exit_code == 2
    assert "windows-1252" in run.stderr
