"""`WS /v1/audio/speech/stream`: text that is spoken while it is being written, in the shape of vLLM-Omni.

An utterance is what comes between two `input.done`; each is a context, and so a job of the lane `speak`. They are
sent one after the other, as they came, while the next are already being written.
"""

import asyncio
import logging

from litestar import websocket
from litestar.di import NamedDependency
from litestar.exceptions import WebSocketDisconnect

from app.api.omni_messages import InputText, OmniError, SessionConfig, omni_message
from app.api.outbox import Outbox
from app.api.sockets import CLOSE_DONE, Socket, accept, close, closing
from app.api.utterances import UtteranceSender, WrittenUtterance
from app.errors import InvalidRequest, Overloaded, SpeechError, WrongState
from app.usecases.contexts import Contexts
from app.usecases.fields import wrong
from app.usecases.jobs import Jobs, Request
from app.usecases.voice_chooser import VoiceChooser

#: Utterances of a socket that have begun, and were not sent to their end.
MAX_UTTERANCES = 8

logger = logging.getLogger(__name__)


@websocket("/audio/speech/stream")
async def speak_utterances(
    socket: Socket,
    contexts: NamedDependency[Contexts],
    jobs: NamedDependency[Jobs],
    chooser: NamedDependency[VoiceChooser],
) -> None:
    """Speak texts while they are being written, in the shape of vLLM-Omni."""
    await accept(socket)
    async with closing(socket):
        await UtteranceSocket(socket, contexts, jobs, chooser).serve()


class UtteranceSocket:
    """One connection. Belongs to the event loop."""

    def __init__(self, socket: Socket, contexts: Contexts, jobs: Jobs, chooser: VoiceChooser) -> None:
        self._socket, self._contexts, self._chooser = socket, contexts, chooser
        self._outbox = Outbox(socket)
        self._sender = UtteranceSender(self._outbox, jobs)
        self._config: SessionConfig | None = None
        self._request: Request | None = None
        self._count = 0
        self._writing: WrittenUtterance | None = None
        self._unsent: list[WrittenUtterance] = []
        self._queue: asyncio.Queue[WrittenUtterance | None] = asyncio.Queue()

    async def serve(self) -> None:
        """Serve the client until it goes. Then its jobs are canceled: nobody listens any more."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._outbox.run(), name="outbox of a socket")
                tasks.create_task(self._send_utterances(), name="utterances of a socket")
                await self._read()
                raise WebSocketDisconnect(detail="the client is gone")
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        finally:
            for utterance in self._unsent:
                await self._cancel(utterance)

    async def _read(self) -> None:
        while (message := await self._socket.receive())["type"] != "websocket.disconnect":
            said = message.get("text")
            try:
                if not isinstance(said, str):
                    raise wrong("", "a message is JSON, in a text message; this one is binary")
                await self._carry_out(omni_message(said))
            except SpeechError as error:
                self._outbox.send_soon(OmniError.of(error.body()))

    async def _carry_out(self, message: SessionConfig | InputText | str) -> None:
        if message == "session.close":
            if self._writing is not None:
                self._writing.ended.set()
                await self._cancel(self._writing)
            self._queue.put_nowait(None)
        elif isinstance(message, SessionConfig):
            await self._configure(message)
        elif self._config is None or self._request is None:
            raise InvalidRequest("send session.config first: no utterance can be spoken without one")
        elif isinstance(message, InputText):
            if message.text:
                await self._write(self._config, self._request, message.text)
        else:
            await self._end(self._config)

    async def _configure(self, config: SessionConfig) -> None:
        if self._writing is not None:
            raise WrongState("an utterance is being written; send input.done before another session.config")
        speech = config.speech
        voice = await self._chooser.familiar(speech.voice_name, speech.language or "", speech.model_id)
        self._config, self._request = config, config.request(voice)

    async def _write(self, config: SessionConfig, request: Request, text: str) -> None:
        if self._writing is None:
            self._check_room()
            context = await self._contexts.open(request)
            self._writing = self._begin(WrittenUtterance(self._count, config, context))
        utterance = self._writing
        assert utterance.context is not None, "it was begun with a text"
        await utterance.context.append(text)

    async def _end(self, config: SessionConfig) -> None:
        utterance, self._writing = self._writing, None
        if utterance is None:
            self._check_room()
            utterance = self._begin(WrittenUtterance(self._count, config, None))
        self._count += 1
        try:
            if utterance.context is not None:
                await utterance.context.finish()
        finally:
            utterance.ended.set()

    def _check_room(self) -> None:
        if len(self._unsent) >= MAX_UTTERANCES:
            raise Overloaded(f"{MAX_UTTERANCES} utterances wait to be sent; wait for session.done, and try again")

    def _begin(self, utterance: WrittenUtterance) -> WrittenUtterance:
        self._unsent.append(utterance)
        self._queue.put_nowait(utterance)
        return utterance

    async def _send_utterances(self) -> None:
        while (utterance := await self._queue.get()) is not None:
            try:
                await self._sender.send(utterance)
            finally:
                await self._cancel(utterance)  # which does nothing to a job that has ended
            self._unsent.remove(utterance)
        await close(self._socket, CLOSE_DONE, "")

    async def _cancel(self, utterance: WrittenUtterance) -> None:
        if utterance.context is None:
            return
        try:
            await utterance.context.cancel()
        except SpeechError as error:
            logger.warning("the job %s of an utterance cannot be canceled: %s", utterance.context.job.id, error)
