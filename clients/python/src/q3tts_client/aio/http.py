"""One request to the engine: the token, the error shape, a second try with a new connection. It does not know what
the routes mean.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

import httpx
import msgspec

from q3tts_client.answering import answering
from q3tts_client.connection import Connection, Renew, checked
from q3tts_client.errors import NetworkError, ProtocolError, SpeechError, refusal

Shape = TypeVar("Shape")

#: A request may take as long as a model needs to be loaded. In seconds.
CONNECT_S = 10.0


class AsyncHttp:
    """The requests of one client."""

    def __init__(
        self, connection: Connection, renew: Renew | None, transport: httpx.AsyncBaseTransport | None
    ) -> None:
        self.connection = connection
        self._renew = renew
        # The engine is on this machine: proxies of the environment are not asked.
        timeout = httpx.Timeout(None, connect=CONNECT_S)
        self._client = httpx.AsyncClient(timeout=timeout, trust_env=False, transport=transport)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def json(self, shape: type[Shape], method: str, path: str, **asked: Any) -> Shape:
        """The answer as a shape. Takes what `stream` does; raises what it does, and `ProtocolError`."""
        body = await self.bytes(method, path, **asked)
        try:
            return msgspec.json.decode(body, type=shape)
        except msgspec.MsgspecError as error:
            why = f"the answer to {method} {path} is not what this version of the client knows: {error}"
            raise ProtocolError(why) from error

    async def bytes(self, method: str, path: str, **asked: Any) -> bytes:
        """The whole body of the answer."""
        async with self.stream(method, path, **asked) as response:
            with answering(self.connection):
                return await response.aread()

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        once: bool = False,
        limit_s: float | None = None,
    ) -> AsyncGenerator[httpx.Response]:
        """A good answer, whose body is not read yet. Raises `EngineError`, `NetworkError` and `ProtocolError`.

        One that was refused for its token, or got no answer, is sent once more when there is another connection
        now. With `once` it is not sent again after an answer was lost: it may have been carried out.
        """
        asked: dict[str, Any] = {
            "params": {name: value for name, value in (query or {}).items() if value is not None},
            "content": None if body is None else msgspec.json.encode(body),
            "headers": {**(headers or {}), **({} if body is None else {"Content-Type": "application/json"})},
            "timeout": self._client.timeout if limit_s is None else httpx.Timeout(limit_s),
        }
        async with AsyncExitStack() as stack:
            connection = self.connection
            try:
                response = await self._send(connection, method, path, asked, stack)
            except SpeechError as error:
                is_lost = isinstance(error, NetworkError)
                if (
                    not (is_lost or error.code == "UNAUTHORIZED")
                    or not self.renewed(connection)
                    or (once and is_lost)
                ):
                    raise
                response = await self._send(self.connection, method, path, asked, stack)
            yield response

    async def _send(
        self, connection: Connection, method: str, path: str, asked: dict[str, Any], stack: AsyncExitStack
    ) -> httpx.Response:
        """The answer to one try, which is a good one."""
        request = self._client.build_request(method, f"{connection.base_url}{path}", **asked)
        request.headers["Authorization"] = f"Bearer {connection.token}"
        with answering(connection):
            response = await self._client.send(request, stream=True)
            stack.push_async_callback(response.aclose)
            if not response.is_success:
                raise refusal(response.status_code, await response.aread(), f"{method} {path}")
            return response

    def renewed(self, failed: Connection) -> bool:
        """Ask for a new connection, because this one was refused; True when there is another one now."""
        if self.connection is not failed:
            return True  # somebody else was faster
        if self._renew is None:
            return False
        try:
            found = checked(*self._renew())
        except NetworkError:  # none runs yet
            return False
        if found == failed:
            return False
        self.connection = found
        return True
