"""What the engine is told: which addresses it takes, and who may read its folder."""

import os
import stat
from pathlib import Path

import pytest

from app.config import default_data_dir, loopback, private_folder, write_token
from app.errors import StartFailed


@pytest.mark.parametrize(
    ("host", "bound"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("localhost", "127.0.0.1"),
        ("::1", "::1"),
        ("0:0:0:0:0:0:0:1", "::1"),
        ("127.0.0.2", "127.0.0.2"),
        ("127.255.255.254", "127.255.255.254"),
    ],
)
def test_this_machine_may_be_called_by_its_own_addresses(host: str, bound: str) -> None:
    assert loopback(host) == bound


@pytest.mark.parametrize(
    "host",
    [
        "0.0.0.0",
        "::",
        "::0",
        "",
        " ",
        "*",
        "0",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "127.0.0.1 ",
        "127.0.0.1\n",
        "127.0.0.1/8",
        "127.0.0.1:5123",
        "[::1]",
        "::ffff:127.0.0.1",
        "::ffff:0.0.0.0",
        "128.0.0.1",
        "10.0.0.1",
        "192.168.1.5",
        "169.254.1.1",
        "8.8.8.8",
        "fe80::1",
        "fe80::1%lo",
        "fd00::1",
        "LOCALHOST.evil.example",
        "localhost.",
        "example.com",
        "١٢٧.0.0.1",
    ],
)
def test_everything_that_others_could_reach_is_refused(host: str) -> None:
    with pytest.raises(StartFailed, match="not a loopback address") as refused:
        loopback(host)

    assert refused.value.exit_code == 64


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_folder_is_its_owners_alone(tmp_path: Path) -> None:
    made = private_folder(tmp_path / "a" / "b")

    assert mode(made) == 0o700
    assert made == (tmp_path / "a" / "b").resolve()


def test_a_folder_that_others_can_read_is_closed_to_them(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)

    assert mode(private_folder(tmp_path / "open")) == 0o700


def test_a_file_in_place_of_the_folder_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StartFailed, match="cannot be used") as refused:
            private_folder(path)
        assert refused.value.exit_code == 74


def test_the_token_is_readable_for_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_token(tmp_path / "token", "secret")
    finally:
        os.umask(before)

    assert mode(tmp_path / "token") == 0o600
    assert (tmp_path / "token").read_text() == "secret"
    assert os.listdir(tmp_path) == ["token"]


def test_an_old_token_is_replaced_whatever_a_crash_has_left(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("old")
    (tmp_path / "token").chmod(0o644)
    (tmp_path / ".token.partial").write_text("half")

    write_token(tmp_path / "token", "new")

    assert (tmp_path / "token").read_text() == "new"
    assert mode(tmp_path / "token") == 0o600
    assert os.listdir(tmp_path) == ["token"]


def test_a_link_that_somebody_laid_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("theirs")
    (tmp_path / ".token.partial").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "token").symlink_to(tmp_path / "elsewhere")

    write_token(tmp_path / "token", "secret")

    assert (tmp_path / "elsewhere").read_text() == "theirs"
    assert not (tmp_path / "token").is_symlink()


def test_the_folder_of_the_user_is_named_after_the_program() -> None:
    assert "q3tts" in default_data_dir().parts
