"""`WS /v1/speak`: texts that are spoken while they are being written, several on one socket.

A socket has one task that reads, one that sends what it has to say about messages, and one for each context, which
sends the events of its job. The reader never waits for a send: a client's pongs come the same way as its messages.
"""

import asyncio
import logging
from typing import Literal, NamedTuple

from litestar import websocket
from litestar.di import NamedDependency
from litestar.exceptions import WebSocketDisconnect
from litestar.params import FromQuery

from app.api.context_messages import (
    AppendText,
    CancelContext,
    ClientMessage,
    ContextError,
    ContextOpened,
    EndText,
    FlushText,
    OpenContext,
    context_named,
    decoded,
    encoded,
)
from app.api.outbox import Outbox
from app.api.sockets import Socket, accept, closing
from app.errors import Overloaded, SpeechError, WrongState
from app.events import AudioChunk
from app.usecases.contexts import Context, Contexts
from app.usecases.fields import wrong
from app.usecases.jobs import Jobs

#: Contexts of one socket that have not ended.
MAX_SOCKET_CONTEXTS = 8

logger = logging.getLogger(__name__)


@websocket("/speak")
async def speak_contexts(
    socket: Socket,
    contexts: NamedDependency[Contexts],
    jobs: NamedDependency[Jobs],
    format: FromQuery[Literal["json", "binary"]] = "json",
) -> None:
    """Speak texts while they are being written."""
    await accept(socket)
    async with closing(socket):
        await ContextSocket(socket, contexts, jobs, binary=format == "binary").serve()


class _Listened(NamedTuple):
    """A context of this socket, until its last event was sent."""

    id: str
    number: int
    context: Context


class ContextSocket:
    """One connection. Belongs to the event loop."""

    def __init__(self, socket: Socket, contexts: Contexts, jobs: Jobs, *, binary: bool) -> None:
        self._socket, self._contexts, self._jobs, self._binary = socket, contexts, jobs, binary
        self._open: dict[str, _Listened] = {}
        self._canceled: set[_Listened] = set()  # nothing more of these should be heard
        self._count = 0
        self._outbox = Outbox(socket)

    async def serve(self) -> None:
        """Serve the client until it goes. Then its jobs are canceled: nobody listens any more."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._outbox.run(), name="outbox of a socket")
                await self._read(tasks)
                raise WebSocketDisconnect(detail="the client is gone")
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        finally:
            for one in [*self._open.values(), *self._canceled]:
                await self._cancel(one)

    async def _read(self, tasks: asyncio.TaskGroup) -> None:
        while (message := await self._socket.receive())["type"] != "websocket.disconnect":
            said = message.get("text")
            try:
                if not isinstance(said, str):
                    raise wrong("", "a message is JSON, in a text message; this one is binary")
                await self._carry_out(decoded(said), tasks)
            except SpeechError as error:
                self._report(error, context_named(said or ""))

    async def _carry_out(self, message: ClientMessage, tasks: asyncio.TaskGroup) -> None:
        if isinstance(message, OpenContext):
            one = await self._begin(message)
            tasks.create_task(self._send_events(one), name=f"context of job {one.context.job.id}")
            return
        one = self._open.get(message.context_id)
        if one is None:
            known = ", ".join(repr(name) for name in self._open) or "none"
            raise wrong("context_id", f"no context {message.context_id!r} is open; open are: {known}")
        match message:
            case AppendText():
                await one.context.append(message.text)
            case FlushText():
                await one.context.flush()
            case EndText():
                await one.context.finish()
            case CancelContext():
                self._canceled.add(self._open.pop(one.id))
                tasks.create_task(self._cancel(one), name=f"cancel of job {one.context.job.id}")

    async def _begin(self, message: OpenContext) -> _Listened:
        if message.context_id in self._open:
            raise WrongState(f"the context {message.context_id!r} is open; cancel it first, or use another id")
        if len(self._open) + len(self._canceled) >= MAX_SOCKET_CONTEXTS:
            raise Overloaded(f"the socket has {MAX_SOCKET_CONTEXTS} contexts; wait until one of them has ended")
        context = await self._contexts.open(message.request())
        self._count += 1
        one = self._open[message.context_id] = _Listened(message.context_id, self._count, context)
        return one

    async def _cancel(self, one: _Listened) -> None:
        try:
            await one.context.cancel()
        except SpeechError as error:
            logger.warning("the job %s of a context cannot be canceled: %s", one.context.job.id, error)
            self._report(error, one.id)

    def _report(self, error: SpeechError, context_id: str | None) -> None:
        self._outbox.send_soon(ContextError(context_id=context_id, error=error.body()))

    async def _send_events(self, one: _Listened) -> None:
        """The events of a context's job to its end. Whoever reads them slowly has it spoken slowly."""
        job = one.context.job
        await self._outbox.send(
            ContextOpened(context_id=one.id, number=one.number, job_id=job.id, voice_id=job.voice_id)
        )
        try:
            async with self._jobs.follow(job.id, backpressure=True) as events:
                async for event in events:
                    heard = isinstance(event, AudioChunk)
                    if heard and one in self._canceled:
                        continue
                    await self._outbox.send(encoded(event, one.id, one.number, binary=self._binary))
                    if heard:
                        self._jobs.report_playhead(job.id, event.text_range.start_char)
        except SpeechError as error:
            self._report(error, one.id)
            await self._cancel(one)
        one.context.close()
        self._canceled.discard(one)
        if self._open.get(one.id) is one:
            del self._open[one.id]
