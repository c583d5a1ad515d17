"""How utterances are sent in the shape of vLLM-Omni: for each sentence `audio.start`, its audio, `audio.done`."""

import asyncio

from app import SAMPLE_RATE
from app.api.omni_messages import AudioDone, AudioStart, OmniError, SessionConfig, SessionDone
from app.api.outbox import Outbox
from app.audio.wav import wav_header
from app.errors import InvalidRequest, SpeechError, WrongState
from app.events import AudioChunk, JobCanceled, JobError
from app.usecases.contexts import Context
from app.usecases.jobs import Jobs

#: Audio that is sent as one message is gathered in memory: some eleven minutes.
MAX_GATHERED_BYTES = 32 * 1024 * 1024


class WrittenUtterance:
    """What comes between two flushes; without a context when no text came."""

    def __init__(self, index: int, config: SessionConfig, context: Context | None) -> None:
        self.index, self.config, self.context = index, config, context
        self.ended = asyncio.Event()  #: no more of its text comes


class _Sentence:
    """The audio of a sentence, or of a whole utterance that should not be split."""

    def __init__(self, outbox: Outbox, config: SessionConfig, start: AudioStart) -> None:
        self._outbox, self._config, self._start = outbox, config, start
        self._gathered = bytearray()
        self.sent_bytes = 0

    async def begin(self) -> None:
        """Announce it."""
        await self._outbox.send(self._start)

    async def add(self, pcm: bytes) -> None:
        """More of its audio. Raises `InvalidRequest` when it is too much to be sent as one message."""
        if self._config.stream_audio:
            await self._outbox.send(pcm)
            self.sent_bytes += len(pcm)
        elif len(self._gathered) + len(pcm) > MAX_GATHERED_BYTES:
            raise InvalidRequest(
                'the audio is too long for one message; set "stream_audio": true or "split_granularity": "sentence"'
            )
        else:
            self._gathered += pcm

    async def end(self, *, error: bool = False) -> None:
        """No more of it comes. What is gathered is sent, but not after an error."""
        if self._gathered and not error:
            wav = self._config.response_format == "wav"
            head = wav_header(len(self._gathered) // 2, sample_rate=SAMPLE_RATE) if wav else b""
            await self._outbox.send(head + bytes(self._gathered))
            self.sent_bytes = len(head) + len(self._gathered)
        where = self._start
        await self._outbox.send(
            AudioDone(
                utterance_index=where.utterance_index,
                sentence_index=where.sentence_index,
                total_bytes=self.sent_bytes,
                error=error,
            )
        )


class UtteranceSender:
    """Sends the utterances of one socket. Belongs to the event loop."""

    def __init__(self, outbox: Outbox, jobs: Jobs) -> None:
        self._outbox, self._jobs = outbox, jobs

    async def send(self, utterance: WrittenUtterance) -> None:
        """Send an utterance to its end, which is `session.done` whatever becomes of its job."""
        sentences = 0 if utterance.context is None else await self._send_sentences(utterance, utterance.context)
        await utterance.ended.wait()
        await self._outbox.send(SessionDone(utterance_index=utterance.index, total_sentences=sentences))

    async def _send_sentences(self, utterance: WrittenUtterance, context: Context) -> int:
        """All of its sentences; how many."""
        split = utterance.config.split_granularity == "sentence"
        if not split:
            await utterance.ended.wait()  # its text is told first
        count, chunk, current, failure = 0, -1, None, None
        try:
            async with self._jobs.follow(context.job.id, backpressure=True) as events:
                async for event in events:
                    if isinstance(event, JobCanceled):
                        failure = WrongState("the job of the utterance was canceled").body()
                    elif isinstance(event, JobError):
                        failure = event.error
                    elif isinstance(event, AudioChunk):
                        where = event.text_range
                        if current is None or (split and where.chunk_index != chunk):
                            if current is not None:
                                await current.end()
                            text = context.text(where.start_char, where.end_char) if split else context.text()
                            current = await self._begun(utterance, count, text)
                            count, chunk = count + 1, where.chunk_index
                        await current.add(event.audio.data_base64)
                        self._jobs.report_playhead(context.job.id, where.start_char)
        except SpeechError as error:
            failure = error.body()
        if failure is not None:
            await self._outbox.send(OmniError.of(failure, partial=current is not None and current.sent_bytes > 0))
        if current is not None:
            await current.end(error=failure is not None)
        return count

    async def _begun(self, utterance: WrittenUtterance, index: int, text: str) -> _Sentence:
        config = utterance.config
        start = AudioStart.of(utterance.index, index, text.strip(), config.response_format)
        sentence = _Sentence(self._outbox, config, start)
        await sentence.begin()
        return sentence
