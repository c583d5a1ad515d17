"""One webhook, sent: a POST by httpcore, which has no proxy, cookie or redirect. Imported when one is due.

The host is looked up once, every address that it has is checked, and the connection goes to one that was checked:
what the name means a moment later does not matter. TLS still asks for a certificate of the name.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Iterable, Mapping
from functools import cache
from urllib.parse import urlsplit

import certifi
import httpcore
from httpcore import SOCKET_OPTION, AsyncConnectionPool, AsyncNetworkBackend, AsyncNetworkStream
from httpcore._backends.anyio import AnyIOBackend  # the public name has no type where anyio may be missing

from app.config import WebhookReach
from app.webhooks.addresses import refusal_of

#: How long each step may take: to connect, to send, to begin the answer. In seconds.
STEP_S = 10.0

#: How long all of it may take: a receiver may answer a byte at a time, and never end.
WHOLE_S = 30.0


class Undelivered(Exception):
    """It did not arrive, or it cannot be known; in words for the log, without the address's path or query."""


class _Checked(AsyncNetworkBackend):
    """Connects to addresses that may be sent to."""

    def __init__(self, reach: WebhookReach, *, encrypted: bool) -> None:
        self._reach, self._encrypted = reach, encrypted
        self._backend = AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                loop = asyncio.get_running_loop()
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, TimeoutError) as error:
            raise Undelivered(f"the host {host} cannot be found") from error
        addresses = [ipaddress.ip_address(str(entry[4][0])) for entry in found]
        for address in addresses:
            if why := refusal_of(host, address, reach=self._reach, encrypted=self._encrypted):
                raise Undelivered(why)
        failed: httpcore.ConnectError | None = None
        for address in dict.fromkeys(addresses):
            try:
                return await self._backend.connect_tcp(str(address), port, timeout, local_address, socket_options)
            except httpcore.ConnectError as error:
                failed = error
        raise failed or Undelivered(f"the host {host} has no address")

    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)


async def post(url: str, body: bytes, headers: Mapping[str, str], reach: WebhookReach) -> int:
    """The status of the answer, whose body nobody reads. Raises `Undelivered`."""
    encrypted = urlsplit(url).scheme == "https"  # which may be written in any case
    timeouts = dict.fromkeys(("connect", "read", "write", "pool"), STEP_S)
    named = [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
    backend = _Checked(reach, encrypted=encrypted)
    try:
        async with (
            asyncio.timeout(WHOLE_S),
            AsyncConnectionPool(ssl_context=_trusted() if encrypted else None, network_backend=backend) as pool,
            pool.stream("POST", url, headers=named, content=body, extensions={"timeout": timeouts}) as response,
        ):
            return response.status
    except TimeoutError as error:
        raise Undelivered(f"there was no whole answer within {WHOLE_S:.0f} s") from error
    except (OSError, httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise Undelivered(str(error) or type(error).__name__) from error


@cache
def _trusted() -> ssl.SSLContext:
    """Whoever the system trusts; a bundle may run where it has no list of them."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
