"""The server of the Unix socket: who may connect, one request and one answer for each connection, and the end of
requests whose client goes away. The handlers know what the requests mean.
"""

import asyncio
import logging
import os
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any, cast

from app.daemon import peer
from app.daemon.binding import BACKLOG, Bound
from app.daemon.engine import DaemonContext
from app.daemon.protocol import HEADER, failed, length_of, packed, unpacked
from app.daemon.reloading import Handlers
from app.errors import Conflict, EngineRestarted, ErrorBody, Forbidden, InvalidRequest, SpeechError

#: How long a request may take to come in.
REQUEST_PATIENCE_S = 10.0

#: How long an answer may wait for room in the socket, and then for the client to take it and go.
SEND_PATIENCE_S, LINGER_S = 10.0, 1.0

MAX_REQUESTS = 256

#: How often it is looked whether a client that sends nothing more still waits.
LOOK_S = 0.1

#: How long running requests may take to end after the request to stop.
CLOSE_S = 1.0

logger = logging.getLogger(__name__)


class Daemon:
    """The server of the Unix socket. Belongs to the event loop."""

    def __init__(
        self, bound: Bound, engine: DaemonContext, *, on_stop: Callable[[], None], handlers: Handlers | None = None
    ) -> None:
        self._bound, self._engine, self._on_stop = bound, engine, on_stop
        self._handlers = handlers or Handlers.of_this_program()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._idle: set[asyncio.Task[Any]] = set()  #: those that have not asked yet, or have been answered
        self._unanswered = 0
        self._closing = asyncio.Event()

    async def open(self) -> None:
        """Let clients in."""
        self._server = await asyncio.start_unix_server(self._connected, sock=self._bound.sock, backlog=BACKLOG)

    def close(self) -> None:
        """Accept no more requests, and end those that run: their jobs are canceled, their clients are told."""
        self._bound.remove()
        if self._server is not None:
            self._server.close()
        self._bound.close()
        self._closing.set()
        for task in self._idle:
            task.cancel()

    async def closed(self) -> None:
        """Wait until everybody has been answered; not for long."""
        if self._connections:
            _, left = await asyncio.wait(self._connections, timeout=CLOSE_S)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    def _connected(self, reader: StreamReader, writer: StreamWriter) -> None:
        if self._closing.is_set():  # it was let in just before
            writer.transport.abort()
            return
        task = asyncio.create_task(self._serve(reader, writer), name="daemon request")
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            answer = await self._answered(reader, writer)
            try:
                if answer is not None:
                    await _send(writer, answer)
            finally:
                if self._engine.stop_requested:
                    self._on_stop()
            # A socket that is closed while something in it is unread takes the answer away from a client that
            # still sends: the client goes first.
            with self._cut_off_at_the_end():
                async with asyncio.timeout(LINGER_S):
                    while await reader.read(1 << 16):
                        pass
        except (OSError, TimeoutError):
            pass  # the client is gone, or takes nothing
        finally:
            writer.transport.abort()

    async def _answered(self, reader: StreamReader, writer: StreamWriter) -> bytes | None:
        """The answer, packed; None when there is nobody to be answered."""
        self._unanswered += 1
        try:
            connection: peer.Connection = writer.get_extra_info("socket")
            if not _is_owner(connection):
                raise Forbidden("this daemon serves the user alone who started it")
            if self._unanswered > MAX_REQUESTS:
                raise Conflict(f"{MAX_REQUESTS} requests are being served; ask again when one of them is done")
            request = await self._request(reader)
            return None if request is None else await self._outcome(request, reader, connection)
        except SpeechError as error:
            return packed(failed(error.body()))
        except Exception as error:
            logger.exception("a request failed")
            return packed(failed(ErrorBody(SpeechError.code, f"{type(error).__name__}: {error}")))
        finally:
            self._unanswered -= 1

    async def _request(self, reader: StreamReader) -> dict[str, Any] | None:
        """What the client asks for; None when it goes without a word. Raises `InvalidRequest`."""
        try:
            with self._cut_off_at_the_end():
                async with asyncio.timeout(REQUEST_PATIENCE_S):
                    header = await reader.readexactly(HEADER.size)
                    return unpacked(await reader.readexactly(length_of(header)))
        except asyncio.IncompleteReadError as error:
            if not error.partial and error.expected == HEADER.size:
                return None
            raise InvalidRequest(
                f"the message ended after {len(error.partial):,} of {error.expected:,} bytes; "
                "send its length as four bytes, big endian, then all of it"
            ) from error
        except TimeoutError as error:
            raise InvalidRequest(f"no whole message came within {REQUEST_PATIENCE_S:.0f} s") from error

    @contextmanager
    def _cut_off_at_the_end(self) -> Generator[None]:
        task = asyncio.current_task()
        assert task is not None
        self._idle.add(task)
        try:
            yield
        finally:
            self._idle.discard(task)

    async def _outcome(
        self, request: dict[str, Any], reader: StreamReader, connection: peer.Connection
    ) -> bytes | None:
        """Have the request handled; given up when its client goes, or the engine stops."""
        handling = asyncio.create_task(self._handled(request), name="daemon handler")
        others = [asyncio.create_task(_until_gone(reader, connection)), asyncio.create_task(self._closing.wait())]
        try:
            await asyncio.wait([handling, *others], return_when=asyncio.FIRST_COMPLETED)
            if handling.done():
                return handling.result()
        finally:
            for task in (handling, *others):
                task.cancel()
            await asyncio.gather(handling, *others, return_exceptions=True)
        if not self._closing.is_set():
            logger.info("a client went before it had its answer: what it asked for has ended")
            return None
        raise EngineRestarted("the daemon was stopped before this was done")

    async def _handled(self, request: dict[str, Any]) -> bytes:
        try:
            handle = self._handlers.current()
        except SpeechError:
            if request.get("action") not in ("stop", "shutdown"):
                raise
            self._engine.stop()  # also with handlers that are being worked on
            return packed({"status": "ok"})
        try:
            answer: Any = await handle(self._engine, request)
        except SystemExit as error:
            # In handlers that are being worked on. Out of a task it would end the whole loop
            # (github.com/python/cpython/issues/101515).
            raise RuntimeError(f"the handlers called exit({error.code})") from error
        if not isinstance(answer, dict):
            raise TypeError(f"the handlers answered {type(answer).__name__}, not a dict")
        return packed(cast("dict[str, Any]", answer))


def _is_owner(connection: peer.Connection) -> bool:
    try:
        return peer.uid_of(connection) in (os.geteuid(), None)
    except OSError:  # macOS, of one that has gone meanwhile
        return False


async def _until_gone(reader: StreamReader, connection: peer.Connection) -> None:
    with suppress(ConnectionError):
        while await reader.read(1 << 16):
            pass  # one request for each connection: what comes after it means nothing
        while not peer.gone(connection):  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(LOOK_S)


async def _send(writer: StreamWriter, answer: bytes) -> None:
    async with asyncio.timeout(SEND_PATIENCE_S):
        writer.write(answer)
        await writer.drain()
        writer.write_eof()
