"""One job's events with its audio, in order and without a gap, whatever happens to the connection.

A reader may be as slow as it likes: the engine waits, or closes the socket, and another one goes on after the last
number. The same number always has the same bytes.
"""

from collections.abc import AsyncIterator

from q3tts_client.aio.http import AsyncHttp
from q3tts_client.aio.transport import AsyncSocket, Closed, Refused, wait
from q3tts_client.answers import Canceled
from q3tts_client.errors import NetworkError, ProtocolError, SpeechError, error_of
from q3tts_client.files import FilePath, wav_saved
from q3tts_client.retries import Patience, Retries
from q3tts_client.wire import (
    AudioChunk,
    JobCanceled,
    JobDone,
    JobError,
    JobStarted,
    StreamEvent,
    audio_chunk,
    text_event,
)


class AsyncSpeech:
    """What is spoken, to be read with a loop. Read again, it goes on after the last audio that was handed out."""

    def __init__(
        self, http: AsyncHttp, job_id: str, *, after_seq: int = 0, patience: Patience | None = None
    ) -> None:
        if not job_id or after_seq < 0:
            raise ValueError(f"job_id is {job_id!r} and after_seq {after_seq}; give an id, and 0 or more")
        self.job_id = job_id
        self.last_seq = after_seq  #: the number of the last audio that was handed out
        self.reconnects = 0  #: how often a connection was lost and made again
        self._http = http
        self._patience = patience
        self._socket: AsyncSocket | None = None
        self._is_started = False

    async def __aenter__(self) -> "AsyncSpeech":
        """Close the connection at the end of the block."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """The job goes on."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connection. The job goes on; `cancel` cancels it."""
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.aclose()

    async def cancel(self) -> bool:
        """Cancel the job; answered when it is final. False when it had completed or failed before."""
        answer = await self._http.json(Canceled, "POST", "/cancel", body={"job_id": self.job_id})
        return answer.canceled

    async def save(self, path: FilePath) -> None:
        """Read all of it into a WAV file, which is there when the job has completed. Raises what reading raises."""
        with wav_saved(path) as write:
            async for chunk in self.audio():
                write(chunk)

    async def audio(self) -> AsyncIterator[AudioChunk]:
        """The audio alone. A job that somebody cancels ends like one that is done."""
        async for event in self:
            if isinstance(event, AudioChunk):
                yield event

    async def __aiter__(self) -> AsyncIterator[StreamEvent]:
        """All events up to the last one. A lost connection is made again.

        Raises `EngineError` when the job fails, `NetworkError` when patience is at its end.
        """
        try:
            async for event in self._events(Retries(self._patience)):
                yield event
        finally:
            await self.aclose()

    async def _events(self, retries: Retries) -> AsyncIterator[StreamEvent]:
        while True:
            retries.begins()
            if (lost := await self._open(retries)) is None:
                before = self.last_seq
                while (socket := self._socket) is not None:
                    try:
                        event = self._read(await socket.receive())
                    except Closed as closed:
                        closed.raise_if_final()
                        lost = NetworkError(f"the stream of job {self.job_id} broke off: {closed}")
                        break
                    if event is not None:
                        yield event
                    if isinstance(event, JobDone | JobCanceled):
                        return
                else:
                    return  # closed by its reader
                retries.lasted()
                if self.last_seq > before:
                    retries.succeeded()
                await self.aclose()
            if (pause := retries.next_wait()) is None:
                raise lost
            await wait(pause)
            self.reconnects += 1

    async def _open(self, retries: Retries) -> SpeechError | None:
        """A socket that goes on after the last number; or why there is none, and it may be tried again."""
        connection = self._http.connection
        path = f"/stream/{self.job_id}?format=binary&after_seq={self.last_seq}"
        limit_s = retries.patience.answer_seconds
        try:
            self._socket = await AsyncSocket.open(connection, path, limit_s)
            return None
        except Refused as refused:
            lost = refused.why
            if refused.status == 401 and not self._http.renewed(connection):
                raise lost from refused
            if refused.status not in (401, 503):
                raise lost from refused
        except NetworkError as error:
            lost = error
            self._http.renewed(connection)
        if self._http.connection is not connection and retries.renewed():
            return await self._open(retries)
        return lost

    def _read(self, message: str | bytes) -> StreamEvent | None:
        """A message as it is handed out; None for one that is not."""
        if isinstance(message, bytes):
            chunk = audio_chunk(message, self.job_id)
            if chunk.seq != self.last_seq + 1:
                raise ProtocolError(
                    f"audio {chunk.seq} came after {self.last_seq}; numbers have to follow each other"
                )
            self.last_seq = chunk.seq
            return chunk
        event = text_event(message)
        if isinstance(event, JobError):
            raise error_of(event.error)
        if isinstance(event, JobStarted):
            if self._is_started:
                return None  # a second connection before the first audio hears it again
            self._is_started = True
        return event
