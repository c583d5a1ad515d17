"""What the system knows of the other end: whose it is, and whether it is still there."""

import os
import socket
import struct
import sys
from collections.abc import Generator

import pytest

from app.daemon.peer import gone, uid_in_xucred, uid_of

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Generator[Pair]:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        yield ours, theirs


@pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="the system does not say")
def test_the_other_end_is_the_user_whose_process_it_is(pair: Pair) -> None:
    assert uid_of(pair[0]) == os.geteuid()


def test_what_macos_says_is_read_if_its_layout_is_known() -> None:
    groups = struct.pack("=h2x16I", 1, *([20] * 16))

    assert uid_in_xucred(struct.pack("=II", 0, 501) + groups) == 501
    assert uid_in_xucred(struct.pack("=II", 7, 501) + groups) is None


def test_a_client_that_waits_for_its_answer_counts_as_connected(pair: Pair) -> None:
    assert not gone(pair[0])


def test_a_client_that_has_closed_its_sending_side_counts_as_connected(pair: Pair) -> None:
    ours, theirs = pair
    theirs.send(b"request")
    theirs.shutdown(socket.SHUT_WR)

    assert not gone(ours)
    assert ours.recv(100) == b"request"
    assert ours.recv(100) == b""
    assert not gone(ours)
    ours.send(b"answer")
    assert theirs.recv(100) == b"answer"


def test_a_client_that_has_closed_is_gone(pair: Pair) -> None:
    pair[1].close()

    assert gone(pair[0])


def test_a_client_that_has_closed_before_its_request_is_read_is_gone(pair: Pair) -> None:
    pair[1].send(b"request")
    pair[1].close()

    assert gone(pair[0])


def test_a_client_that_has_stopped_writing_and_then_closed_is_gone(pair: Pair) -> None:
    pair[1].shutdown(socket.SHUT_WR)
    pair[1].close()

    assert gone(pair[0])


def test_a_client_that_neither_reads_nor_writes_any_more_is_gone(pair: Pair) -> None:
    pair[1].shutdown(socket.SHUT_RDWR)

    assert gone(pair[0])


def test_a_closed_socket_has_no_client(pair: Pair) -> None:
    pair[0].close()

    assert gone(pair[0])
