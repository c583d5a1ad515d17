"""A base for models that speak one utterance at a time."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol

from app.errors import SpeechError
from app.inference.model import FinishReason, Frame, Utterance
from app.workers.synthesis.queue import PendingUtterance, UtteranceQueue


class SpeechStream(Protocol):
    """One pass of a model over one utterance, read piece by piece."""

    def read(self) -> tuple[bytes, FinishReason | None]:
        """The next PCM, and the reason if the utterance ends with it. May raise whatever the model raises."""
        ...

    def stop(self) -> None:
        """Leave the model early, or clean up after the end."""
        ...


class SerialModel(ABC):
    """Implements `Model` but for its properties. Belongs to one thread.

    While somebody is waiting (lane `speak`), a render in work is interrupted and spoken again later from its start,
    less the audio that was delivered, so its audio must not depend on that.
    """

    def __init__(self) -> None:
        self._queue = UtteranceQueue()
        self._current: PendingUtterance | None = None
        self._stream: SpeechStream | None = None

    def add(self, utterances: Sequence[Utterance]) -> None:
        """Queue utterances, each lane in the order of arrival."""
        self._queue.add(utterances)

    def cancel(self, utterance_id: int) -> None:
        """Have the next step end an utterance, whether it is waiting or being spoken."""
        self._queue.cancel(utterance_id)

    def step(self) -> Sequence[Frame]:
        """Read one piece of the current utterance.

        A frame can be empty at the end of an utterance, when the model gave nothing, and while an interrupted
        utterance is brought back to where it was.
        """
        if frames := self._queue.end_canceled(self._end):
            return frames
        pending = self._queue.next
        if pending is None:
            return ()
        try:
            pcm, reason = self._stream_of(pending).read()
        except Exception as error:
            message = self._explain(error)
            self._end(pending)
            return (pending.final_frame(FinishReason.ERROR, error=message),)
        pending.delivered_bytes += len(pcm)
        if reason is None:
            return (Frame(pending.utterance.id, pcm),)
        self._end(pending)
        return (pending.final_frame(reason, pcm=pcm),)

    def close(self) -> None:
        """Leave the model and forget all utterances."""
        self._interrupt()
        self._queue.clear()

    @abstractmethod
    def _begin(self, utterance: Utterance, *, skip_bytes: int) -> SpeechStream:
        """Start to speak an utterance; `skip_bytes` of its PCM have been delivered before and do not come again."""

    def _explain(self, error: Exception) -> str:
        """What the utterance's client is told. An error that is not expected of the model is raised again."""
        if isinstance(error, SpeechError):
            return error.message
        raise error

    def _stream_of(self, pending: PendingUtterance) -> SpeechStream:
        """The stream of this utterance, started or restarted if another one has used the model."""
        if self._current is not pending or self._stream is None:
            self._interrupt()
            self._stream = self._begin(pending.utterance, skip_bytes=pending.delivered_bytes)
            self._current = pending
        return self._stream

    def _end(self, pending: PendingUtterance) -> None:
        if self._current is pending:
            self._interrupt()
        self._queue.remove(pending)

    def _interrupt(self) -> None:
        if self._stream is not None:
            self._stream.stop()
        self._current = self._stream = None
