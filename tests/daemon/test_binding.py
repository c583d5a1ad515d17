"""Where the daemon listens: who may have the path, what is left behind, and two that start at once."""

import errno
import fcntl
import os
import socket
import stat
import sys
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.daemon import binding
from app.daemon.binding import MAX_PATH_BYTES, Bound, bind_socket
from app.errors import StartFailed


@contextmanager
def bound_at(path: Path) -> Generator[Bound]:
    made = bind_socket(path)
    try:
        yield made
    finally:
        made.close()


def stale(path: Path) -> None:
    """What a killed daemon leaves."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))


def lets_in(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


def refusal(path: Path) -> StartFailed:
    with pytest.raises(StartFailed) as refused:
        bind_socket(path).close()
    return refused.value


def test_a_socket_is_its_owners_alone_from_the_first_moment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[int] = []

    class Watched(socket.socket):
        def bind(self, address: str, /) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
            super().bind(address)
            modes.append(stat.S_IMODE(os.stat(address).st_mode))

    monkeypatch.setattr(binding.socket, "socket", Watched)
    before = os.umask(0)
    try:
        with bound_at(folder / "sock") as made:
            modes.append(stat.S_IMODE(made.path.stat().st_mode))
        kept = os.umask(0)
    finally:
        os.umask(before)

    assert modes == [0o600, 0o600]
    assert kept == 0, "the mask of the process is as it was"


def test_a_client_that_connects_before_anybody_accepts_waits(folder: Path) -> None:
    with bound_at(folder / "sock") as made:
        assert lets_in(made.path)


def test_a_relative_path_is_where_it_was_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    with bound_at(Path("sock")) as made:
        monkeypatch.chdir("/")

        assert made.path == folder / "sock"
        assert lets_in(made.path)


def test_a_daemon_that_listens_is_left_alone(folder: Path) -> None:
    with bound_at(folder / "sock") as first:
        refused = refusal(first.path)

        assert refused.exit_code == 75
        assert "another daemon" in str(refused)
        assert "q3tts stop" in str(refused)
        assert lets_in(first.path)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it cannot be told from a socket of nobody")
def test_a_daemon_that_lets_nobody_in_is_left_alone_too(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as full, socket.socket(socket.AF_UNIX) as waiting:
        full.bind(str(folder / "sock"))
        full.listen(0)
        waiting.setblocking(False)
        others = [socket.socket(socket.AF_UNIX) for _ in range(3)]
        for other in others:
            other.setblocking(False)
            other.connect_ex(str(folder / "sock"))

        refused = refusal(folder / "sock")

        for other in others:
            other.close()
    assert refused.exit_code == 75


def test_what_a_killed_daemon_left_is_taken_over(folder: Path) -> None:
    stale(folder / "sock")

    with bound_at(folder / "sock") as made:
        assert lets_in(made.path)


@pytest.mark.parametrize("kind", ["file", "folder", "link", "broken link", "pipe"])
def test_what_is_not_a_socket_stays_as_it_is(folder: Path, kind: str) -> None:
    path = folder / "sock"
    match kind:
        case "file":
            path.write_text("mine")
        case "folder":
            path.mkdir()
        case "link":
            stale(folder / "other")
            path.symlink_to(folder / "other")
        case "broken link":
            path.symlink_to(folder / "nothing")
        case _:
            os.mkfifo(path)
    before = path.lstat()

    refused = refusal(path)

    assert refused.exit_code == 74
    assert "is not a socket" in str(refused)
    assert path.lstat() == before


def test_a_socket_of_another_kind_is_left_alone(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(str(folder / "sock"))

        assert refusal(folder / "sock").exit_code == 74
        assert (folder / "sock").exists()


def test_a_path_has_as_many_bytes_as_the_system_takes(folder: Path) -> None:
    room = MAX_PATH_BYTES - len(os.fsencode(folder)) - 1

    with bound_at(folder / ("s" * room)) as made:
        assert lets_in(made.path)
    refused = refusal(folder / ("s" * (room + 1)))

    assert refused.exit_code == 64
    assert str(MAX_PATH_BYTES) in str(refused)


def test_the_length_is_that_of_the_bytes(folder: Path) -> None:
    assert refusal(folder / ("ü" * (MAX_PATH_BYTES // 2))).exit_code == 64


def test_a_path_with_a_nul_byte_is_refused(folder: Path) -> None:
    assert refusal(folder / "so\0ck").exit_code == 64


@pytest.mark.parametrize("path", ["missing/sock", "file/sock"])
def test_a_folder_that_is_not_there_is_reported_and_not_made(folder: Path, path: str) -> None:
    (folder / "file").touch()

    refused = refusal(folder / path)

    assert refused.exit_code == 74
    assert path in str(refused)
    assert sorted(entry.name for entry in folder.iterdir()) == ["file"]


def test_nothing_is_left_when_it_is_closed(folder: Path) -> None:
    made = bind_socket(folder / "sock")

    made.close()
    made.close()

    assert list(folder.iterdir()) == []


def test_a_file_that_has_become_anothers_is_not_removed(folder: Path) -> None:
    first = bind_socket(folder / "sock")
    first.path.unlink()
    with bound_at(folder / "sock") as second:
        first.close()

        assert lets_in(second.path)


def test_a_second_close_does_not_remove_what_came_later(folder: Path) -> None:
    # A file system gives the number of a file that is gone to the next one.
    first = bind_socket(folder / "sock")
    first.close()
    with bound_at(folder / "sock") as second:
        first.close()

        assert lets_in(second.path)


def test_of_many_that_start_at_once_exactly_one_gets_it(folder: Path) -> None:
    path = folder / "sock"

    def start(_: int) -> Bound | StartFailed:
        try:
            return bind_socket(path)
        except StartFailed as error:
            return error

    with ThreadPoolExecutor(8) as threads:
        for _ in range(25):
            stale(path)
            outcomes = list(threads.map(start, range(8)))

            (winner,) = [outcome for outcome in outcomes if isinstance(outcome, Bound)]
            assert {outcome.exit_code for outcome in outcomes if isinstance(outcome, StartFailed)} == {75}
            assert lets_in(path), "the one that has it can be reached"
            winner.close()
            assert not path.exists()


def test_somebody_who_keeps_the_folder_locked_is_not_waited_for_for_ever(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binding, "LOCK_PATIENCE_S", 0.05)
    fd = os.open(folder, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        assert refusal(folder / "sock").exit_code == 74
    finally:
        os.close(fd)


def test_a_file_system_without_locks_will_do(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(_fd: int, _how: int) -> None:
        raise OSError(errno.EBADF, "Bad file descriptor")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with bound_at(folder / "sock") as made:
        assert lets_in(made.path)


def test_no_descriptor_is_left_open_by_those_that_fail(folder: Path) -> None:
    (folder / "file").touch()
    before = sorted(os.listdir("/dev/fd"))
    with bound_at(folder / "sock") as made:
        for path in (made.path, folder / "file", folder / "missing" / "sock", folder / ("s" * 200)):
            refusal(path)

    assert sorted(os.listdir("/dev/fd")) == before
