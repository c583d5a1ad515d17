"""What an engine says about itself in its data folder."""

import os
import socket
from pathlib import Path

import msgspec
import pytest

from app.config import EngineKind
from app.daemon.presence import FILE, Presence, announce, engine_in, withdraw


def presence(folder: Path, port: int, *, pid: int | None = None) -> Presence:
    return Presence(
        kind=EngineKind.SIDECAR,
        pid=os.getpid() if pid is None else pid,
        version="0.1.0",
        started_at="2026-11-30T12:00:00+00:00",
        url=f"http://127.0.0.1:{port}/v1",
        data_dir=str(folder),
    )


def test_an_engine_is_found_while_it_listens(tmp_path: Path) -> None:
    assert engine_in(tmp_path) is None
    with socket.create_server(("127.0.0.1", 0)) as listening:
        there = presence(tmp_path, listening.getsockname()[1])
        announce(there)

        assert engine_in(tmp_path) == there
        assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
        assert there.uptime_s > 0
        assert str(there).startswith(f"the engine of an app (pid {os.getpid()}, since ")

    assert engine_in(tmp_path) is None, "it was killed: nobody listens there"


def test_an_engine_withdraws_itself_and_no_other(tmp_path: Path) -> None:
    announce(presence(tmp_path, 1, pid=1))
    withdraw(tmp_path)
    assert (tmp_path / FILE).exists()

    announce(presence(tmp_path, 1))
    withdraw(tmp_path)
    withdraw(tmp_path)
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize("content", [b"", b"{", b'{"pid": 1}', msgspec.json.encode([1])])
def test_a_file_that_says_something_else_is_not_an_engine(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)

    assert engine_in(tmp_path) is None
