"""One webhook on its way: which address it really goes to."""

import asyncio
import socket
from contextlib import suppress
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from app.config import WebhookReach
from app.webhooks import posting
from app.webhooks.posting import Undelivered, post
from tests.support.client import PATIENCE_S
from tests.webhooks.receiver import receiving

pytestmark = pytest.mark.anyio

LOCAL = WebhookReach.LOCAL


class Names:
    """What names mean, one answer for each time that somebody asks."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def look_up(self, host: Any, port: Any, **_: Any) -> list[Any]:
        self.asked.append(str(host))
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in self.answers.pop(0)]


@pytest.fixture
async def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    names = Names()

    async def look_up(host: Any, port: Any, **options: Any) -> list[Any]:
        # The address that was chosen is looked up too, which says the same.
        if names.answers:
            return await names.look_up(host, port, **options)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (str(host), port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)
    return names


async def test_the_connection_goes_to_the_address_that_was_checked(names: Names) -> None:
    async with receiving() as receiver:
        names.answers = [["127.0.0.1"]]
        status = await post(f"http://rebound.test:{receiver.port}/hook", b"{}", {"x": "y"}, LOCAL)

    assert status == 204
    assert names.asked == ["rebound.test"]
    assert receiver.got[0].headers["host"] == f"rebound.test:{receiver.port}"


@pytest.mark.parametrize("addresses", [["93.184.216.34"], ["127.0.0.1", "93.184.216.34"], ["169.254.169.254"]])
async def test_a_name_that_means_another_address_is_not_connected_to(names: Names, addresses: list[str]) -> None:
    async with receiving() as receiver:
        names.answers = [addresses]
        with pytest.raises(Undelivered, match="has the address"):
            await post(f"http://rebound.test:{receiver.port}/hook", b"{}", {}, LOCAL)

    assert receiver.got == []


async def test_a_redirect_is_an_answer_like_any_other() -> None:
    async with receiving(307) as receiver:
        assert await post(receiver.url, b"{}", {}, LOCAL) == 307

    assert [request.path for request in receiver.got] == ["/hook?key=in-the-address"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://nowhere.invalid/"])
async def test_what_cannot_be_reached_says_so(url: str) -> None:
    with pytest.raises(Undelivered):
        await post(url, b"{}", {}, LOCAL)


async def test_an_answer_that_never_ends_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "WHOLE_S", 0.2)

    async def never_end(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while True:
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                await writer.drain()
                await anyio.lowlevel.checkpoint()

    async with await asyncio.start_server(never_end, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with anyio.fail_after(PATIENCE_S), pytest.raises(Undelivered, match="no whole answer within"):
            await post(f"http://127.0.0.1:{port}/", b"{}", {}, LOCAL)


@pytest.mark.parametrize(("scheme", "encrypted"), [("https", True), ("HTTPS", True), ("http", False)])
async def test_whether_an_address_is_encrypted_does_not_depend_on_its_case(
    names: Names, monkeypatch: pytest.MonkeyPatch, scheme: str, *, encrypted: bool
) -> None:
    def refused(*_: Any, encrypted: bool, **__: Any) -> str:
        return f"encrypted: {encrypted}"

    names.answers = [["127.0.0.1"]]
    monkeypatch.setattr(posting, "refusal_of", refused)
    with pytest.raises(Undelivered, match=f"encrypted: {encrypted}"):
        await post(f"{scheme}://public.test/", b"{}", {}, WebhookReach.ANYWHERE)
