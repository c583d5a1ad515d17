"""One utterance, spoken once from one seed, as the engine sees it: PCM as it comes, then the reason why it ended.

A take outlives its worker. When that dies or has to make room, the next one speaks the utterance from its beginning
again, and what had been delivered before is dropped: models are deterministic, so the listener hears no seam.
"""

import asyncio
from collections.abc import AsyncGenerator

from app.errors import SpeechError
from app.inference.model import FinishReason, Frame, Utterance


class Take:
    """An utterance's audio as it comes. Belongs to the event loop: a supervisor fills it, one reader empties it."""

    def __init__(self, utterance: Utterance) -> None:
        self.utterance = utterance
        self.canceled = False  #: asked for; answered by the final frame
        self.sent = False  #: to the worker that is alive now
        self.kills = 0  #: workers that died while they had it
        self.error = ""  #: what the model says of its end, when that is an error
        self._finish_reason: FinishReason | None = None
        self._failure: SpeechError | None = None
        self._pieces: list[bytes] = []
        self._received_bytes = 0
        self._drop_bytes = 0
        self._changed = asyncio.Event()

    @property
    def ended(self) -> bool:
        """No more audio will come."""
        return self._finish_reason is not None

    @property
    def finish_reason(self) -> FinishReason:
        """Why no more audio will come, once that is so."""
        assert self._finish_reason is not None
        return self._finish_reason

    async def pcm(self) -> AsyncGenerator[bytes]:
        """The audio, as much as there is at each time. Raises why it was given up, not what the model says of an
        error of its own: another seed may do better.
        """
        while True:
            if self._pieces:
                pieces, self._pieces = self._pieces, []
                yield b"".join(pieces)
            elif self.ended:
                if self._failure is not None:
                    raise self._failure
                return
            else:
                self._changed.clear()
                await self._changed.wait()

    async def wait(self) -> None:
        """Wait until the model is done with the utterance; never raises."""
        while not self.ended:
            self._changed.clear()
            await self._changed.wait()

    def receive(self, frame: Frame) -> None:
        """Take in a frame of the worker."""
        pcm = frame.pcm
        if self._drop_bytes:
            dropped = min(self._drop_bytes, len(pcm))
            self._drop_bytes -= dropped
            pcm = pcm[dropped:]
        self._received_bytes += len(pcm)
        if pcm:
            self._pieces.append(pcm)
            self._changed.set()

    def end(self, reason: FinishReason, failure: SpeechError | None = None, *, error: str = "") -> None:
        """No more will come: it was given up with a `failure`, or `error` is what the model says."""
        self._finish_reason, self._failure, self.error = reason, failure, error
        self._changed.set()

    def start_over(self) -> None:
        """The worker is gone or about to be stopped: the next one speaks the take from its beginning."""
        self.sent = False
        self._drop_bytes = self._received_bytes
