"""The server itself: frames, limits, who may come in, and what becomes of a client that goes away."""

import asyncio
import os
import socket
import stat
import subprocess
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from app.daemon import peer, server
from app.daemon.client import ask as plain_ask
from app.daemon.protocol import HEADER, MAX_BYTES
from app.errors import NotRunning, SpeechError
from tests.daemon.asking import ask, framed, line, ok, refused
from tests.daemon.conftest import HANDLERS, Small
from tests.support.running import command
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")

STATUS = {"do": "status"}


async def raw(path: Path, data: bytes, *, finished: bool = False) -> dict[str, Any]:
    async with line(path) as client:
        client.send(data)
        if finished:
            client.finish()
        return await client.answer()


async def test_a_request_is_answered_and_the_connection_closed(small: Small) -> None:
    assert await ask(small.path, STATUS) == {"status": "ok", "asked": STATUS}


async def test_the_programs_own_client_understands_it(small: Small) -> None:
    text = "Größe – 声 😀"

    answer = await asyncio.to_thread(plain_ask, small.path, {"text": text}, timeout_s=10)

    assert answer["asked"] == {"text": text}


async def test_a_request_may_come_in_pieces(small: Small) -> None:
    async with line(small.path) as client:
        for byte in framed(STATUS):
            client.send(bytes([byte]))
            await anyio.lowlevel.checkpoint()

        assert (await client.answer())["status"] == "ok"


async def test_a_request_may_be_as_long_as_allowed(small: Small) -> None:
    text = "x" * (MAX_BYTES - 100)

    answer = await ask(small.path, {"text": text})

    assert answer["asked"] == {"text": text}


async def test_a_hundred_clients_at_once_are_all_served(small: Small) -> None:
    answers: dict[int, Any] = {}

    async def one(number: int) -> None:
        answers[number] = await ask(small.path, {"do": "wait", "number": number})

    async with anyio.create_task_group() as tasks:
        for number in range(100):
            tasks.start_soon(one, number)
        await until(lambda: small.engine.waiting == 100)
        assert (await ok(small.path, do="status"))["status"] == "ok"
        small.engine.go.set()

    assert {number: answer["asked"]["number"] for number, answer in answers.items()} == dict(
        zip(range(100), range(100), strict=True)
    )


async def test_more_clients_than_can_be_served_are_refused(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_REQUESTS", 2)
    async with line(small.path) as first, line(small.path) as second:
        for client in (first, second):
            client.send(framed({"do": "wait"}))
        await until(lambda: small.engine.waiting == 2)

        answer = await refused(small.path, do="status")
        small.engine.go.set()

        assert answer["code"] == "CONFLICT"
        assert "2 requests" in answer["message"]
        assert (await first.answer())["status"] == "ok"
        assert (await second.answer())["status"] == "ok"
    assert (await ok(small.path, do="status"))["status"] == "ok"


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (b"\0", "1 of 4 bytes"),
        (b"\0\0\0", "3 of 4 bytes"),
        (framed(STATUS)[:-1], "of 16 bytes"),
        (HEADER.pack(5), "0 of 5 bytes"),
        (b"\0\0\0\0", "0 bytes"),
        (b"\0\0\0\0{}", "0 bytes"),
        (b"\xff\xff\xff\xff", "4,294,967,295 bytes"),
        (b"\xff\xff\xff\xff" + b"x" * 300_000, "4,294,967,295 bytes"),
        (HEADER.pack(MAX_BYTES + 1), f"{MAX_BYTES + 1:,} bytes"),
        (b'{"action": "status"}\n', "bytes is not taken"),
        (b"GET / HTTP/1.1\r\n\r\n", "bytes is not taken"),
        (framed(b'{"text": "\xff"}'), "byte 10 of the message is not UTF-8"),
        (framed("{}".encode("utf-16")), "not UTF-8"),
        (framed(b"\xed\xa0\x80"), "not UTF-8"),
        (framed(b"{"), "not JSON"),
        (framed(b"{} {}"), "not JSON"),
        (framed(b"[" * 100_000), "not JSON"),
        (framed(b'{"a":' * 100_000), "not JSON"),
        (framed(b"1" * 10_000), "not JSON"),
        (framed(b" "), "not JSON"),
        (framed([]), "not an object"),
        (framed("text"), "not an object"),
        (framed(None), "not an object"),
        (framed(5), "not an object"),
    ],
)
async def test_anything_but_a_request_is_reported_and_nothing_is_left(small: Small, sent: bytes, why: str) -> None:
    answer = await raw(small.path, sent, finished=True)

    assert set(answer) == {"status", "message", "code", "details"}
    assert (answer["status"], answer["code"]) == ("error", "INVALID_REQUEST")
    assert why in answer["message"]
    assert "Traceback" not in answer["message"]
    await at_rest(small)


async def test_a_length_that_is_too_long_is_refused_before_anything_of_it_has_come(small: Small) -> None:
    assert (await raw(small.path, b"\xff\xff\xff\xff"))["code"] == "INVALID_REQUEST"


async def test_a_client_that_does_not_stop_sending_gets_its_answer_all_the_same(small: Small) -> None:
    with pytest.raises(SpeechError, match="not taken") as error:
        await asyncio.to_thread(told_by_a_client_that_sends_first, small.path)

    assert not isinstance(error.value, NotRunning)


def told_by_a_client_that_sends_first(path: Path) -> None:
    """All of it is sent before a byte of the answer is read."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(path))
        client.sendall(HEADER.pack(MAX_BYTES + 1))
        client.sendall(bytes(4 << 20))
        answer = b""
        while part := client.recv(1 << 16):
            answer += part
    raise SpeechError(answer.decode(errors="replace"))


async def at_rest(small: Small) -> None:
    """Nobody is served any more, and the next one is."""
    connections = small.daemon._connections  # pyright: ignore[reportPrivateUsage]
    await until(lambda: not connections)
    assert (await ok(small.path, do="status"))["status"] == "ok"


@pytest.mark.parametrize("sent", [b"", b"\0\0", framed(STATUS)[:-1]])
async def test_a_request_that_does_not_come_is_not_waited_for_for_ever(
    small: Small, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(server, "REQUEST_PATIENCE_S", 0.05)

    answer = await raw(small.path, sent)

    assert answer["code"] == "INVALID_REQUEST"
    assert "no whole message" in answer["message"]
    await at_rest(small)


@pytest.mark.parametrize("sent", [b"", b"\0\0", framed(STATUS)[:-1], framed(STATUS), b"\xff" * 100_000])
async def test_a_client_that_leaves_at_any_point_leaves_nothing(
    small: Small, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(20):
        async with line(small.path) as client:
            client.send(sent)
            client.leave()

    await at_rest(small)
    assert "Traceback" not in caplog.text


async def test_a_client_that_takes_no_answer_does_not_keep_its_connection(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "SEND_PATIENCE_S", 0.05)
    monkeypatch.setattr(server, "LINGER_S", 0.05)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(small.path))
        request = framed({"text": "x" * 4_000_000})
        await asyncio.to_thread(client.sendall, request)

        await at_rest(small)


async def test_what_comes_after_a_request_means_nothing(small: Small) -> None:
    answer = await raw(small.path, framed(STATUS) + framed({"do": "stop"}) + b"\xff" * 100_000)

    assert answer["asked"] == STATUS
    assert not small.stopped.is_set()


async def test_a_client_that_goes_ends_what_it_asked_for(small: Small) -> None:
    async with line(small.path) as client:
        client.send(framed({"do": "wait"}))
        await until(lambda: small.engine.waiting)

        client.leave()

        await until(lambda: small.engine.ended == 1)
    await at_rest(small)


async def test_a_client_that_says_no_more_and_waits_is_served(small: Small) -> None:
    async with line(small.path) as client:
        client.send(framed({"do": "wait"}))
        client.finish()
        await until(lambda: small.engine.waiting)
        await anyio.sleep(3 * server.LOOK_S)
        assert small.engine.ended == 0

        small.engine.go.set()

        assert (await client.answer())["status"] == "ok"


async def test_a_client_that_says_no_more_and_then_goes_ends_what_it_asked_for(small: Small) -> None:
    async with line(small.path) as client:
        client.send(framed({"do": "wait"}))
        client.finish()
        await until(lambda: small.engine.waiting)

        client.leave()

        await until(lambda: small.engine.ended == 1)
    await at_rest(small)


async def test_what_a_request_does_besides_its_answer_has_ended_when_the_client_is_gone(small: Small) -> None:
    small.source.write_text(
        HANDLERS.replace("engine.ended += 1", "import asyncio; await asyncio.sleep(0.05); engine.ended += 1")
    )
    async with line(small.path) as client:
        client.send(framed({"do": "wait"}))
        await until(lambda: small.engine.waiting)
        client.leave()

    await at_rest(small)
    assert small.engine.ended == 1


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        ({"do": "fail"}, "ZeroDivisionError: the handlers are wrong"),
        ({"do": "exit"}, "exit(3)"),
        ({"do": "nonsense", "answer": None}, "NoneType"),
        ({"do": "nonsense", "answer": []}, "list"),
        ({"do": "bytes"}, "TypeError"),
    ],
)
async def test_failing_handlers_are_reported_and_logged_and_the_daemon_lives(
    small: Small, request_: dict[str, Any], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await ask(small.path, request_)

    assert (answer["status"], answer["code"]) == ("error", "INTERNAL")
    assert why in answer["message"]
    assert "Traceback" in caplog.text
    await at_rest(small)


async def test_an_edit_is_in_force_with_the_next_request(small: Small) -> None:
    await ok(small.path, do="status")
    small.source.write_text('async def handle(engine, request):\n    return {"status": "ok", "edited": True}\n')

    assert (await ok(small.path))["edited"] is True

    small.source.write_text("async def handle(engine, request:\n")
    broken = await refused(small.path)
    assert (broken["code"], "SyntaxError" in broken["message"]) == ("INTERNAL", True)

    small.source.write_text(HANDLERS)
    assert await ask(small.path, STATUS) == {"status": "ok", "asked": STATUS}


async def test_a_client_that_asks_to_stop_is_answered_first(small: Small) -> None:
    answer = await ask(small.path, {"do": "stop"})

    assert answer["status"] == "ok"
    with anyio.fail_after(10):
        await small.stopped.wait()


async def test_a_client_that_asks_to_stop_need_not_wait_for_the_answer(small: Small) -> None:
    async with line(small.path) as client:
        client.send(framed({"do": "stop"}))
        await anyio.lowlevel.checkpoint()
        client.leave()

    with anyio.fail_after(10):
        await small.stopped.wait()


async def test_a_stop_ends_running_requests_with_an_answer(small: Small) -> None:
    async with line(small.path) as waiting, line(small.path) as silent, line(small.path) as half:
        waiting.send(framed({"do": "wait"}))
        half.send(b"\0\0")
        await until(lambda: small.engine.waiting)

        small.daemon.close()
        assert not small.path.exists()
        answer = await waiting.answer()
        await small.daemon.closed()

        assert (answer["status"], answer["code"]) == ("error", "ENGINE_RESTARTED")
        assert small.engine.ended == 1
        assert await silent.rest() == b""
        assert await half.rest() == b""
    with pytest.raises(NotRunning, match="no daemon listens"):
        await asyncio.to_thread(plain_ask, small.path, STATUS)


async def test_a_stop_does_not_wait_for_a_request_that_does_not_end(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "CLOSE_S", 0.05)
    small.source.write_text(HANDLERS.replace("engine.ended += 1", "import asyncio; await asyncio.sleep(3600)"))
    async with line(small.path) as client:
        client.send(framed({"do": "wait"}))
        await until(lambda: small.engine.waiting)

        small.daemon.close()
        with anyio.fail_after(10):
            await small.daemon.closed()


async def test_another_user_is_refused(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    def somebody_else(_: peer.Connection) -> int:
        return os.geteuid() + 1

    monkeypatch.setattr(peer, "uid_of", somebody_else)

    answer = await refused(small.path, do="status")

    assert answer["code"] == "FORBIDDEN"


async def test_where_the_system_does_not_say_who_it_is_the_mode_of_the_file_does(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(_: peer.Connection) -> None:
        return None

    monkeypatch.setattr(peer, "uid_of", unknown)

    assert (await ok(small.path, do="status"))["status"] == "ok"


@root
async def test_a_process_of_another_user_does_not_reach_the_socket(small: Small) -> None:
    small.path.parent.chmod(0o755)

    outcome = await asyncio.to_thread(stranger, small.path)

    assert stat.S_IMODE(small.path.stat().st_mode) == 0o600
    assert outcome.stderr.strip() == b"PermissionError"


@root
async def test_a_process_of_another_user_is_refused_even_where_the_file_lets_it_in(small: Small) -> None:
    small.path.parent.chmod(0o755)
    small.path.chmod(0o666)

    outcome = await asyncio.to_thread(stranger, small.path)

    assert outcome.returncode == 0, outcome.stderr
    assert b"FORBIDDEN" in outcome.stdout
    await at_rest(small)


def stranger(path: Path) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(command("another_user", path), capture_output=True, check=False, timeout=30)
