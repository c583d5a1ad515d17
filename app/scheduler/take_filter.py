"""What a take passes on its way from the model into the log: effects, the seam to the audio before it, volume."""

import asyncio

from app.audio.effects.effects import Effects
from app.audio.effects.seams import Ending, Seam
from app.models.worker.take import Take
from app.scheduler.attempts import rejection_reason
from app.scheduler.audible_span import AudibleSpan


class TakeFilter:
    """Belongs to the event loop; what computes is done in a thread.

    The volume comes last: silence is judged without it, so that the pauses are the same at every volume.
    """

    def __init__(self, take: Take, effects: Effects, seam: Seam, volume: Effects) -> None:
        self._take, self._effects, self._seam, self._volume = take, effects, seam, volume
        self._span = AudibleSpan()

    @property
    def audible(self) -> bool:
        """There is sound in what the model has given so far."""
        return self._span.seconds > 0

    @property
    def rejection_reason(self) -> str | None:
        """Why the take, which has ended, cannot stand for its text; None if it can."""
        take, utterance = self._take, self._take.utterance
        return rejection_reason(
            utterance.text, self._span.seconds, take.finish_reason, take.error, rate=utterance.rate
        )

    @property
    def pause_known(self) -> bool:
        """It is known how long the pause after it is."""
        return self._seam.pause is not None

    def followed_by(self, pause: int) -> None:
        """The pause after it is this long, in samples."""
        self._seam.pause = pause

    @property
    def silent_tail(self) -> int:
        """The samples of silence at the end of what has been ready for the log so far."""
        return self._seam.silent_tail

    @property
    def ending(self) -> Ending:
        """How the audio ends after it, once it is finished."""
        return self._seam.ending

    async def push(self, pcm: bytes) -> bytes:
        """Take in what the model gave; return what is ready for the log."""
        self._span.add(pcm)
        if self._effects.idle and self._volume.idle:
            return self._seam.push(pcm)
        return await asyncio.to_thread(self._push, pcm)

    async def finish(self) -> bytes:
        """No more comes in: the rest, and the silence after it."""
        if self._effects.idle and self._volume.idle:
            return self._seam.finish()
        return await asyncio.to_thread(self._finish)

    def _push(self, pcm: bytes) -> bytes:
        return self._volume.push(self._seam.push(self._effects.push(pcm)))

    def _finish(self) -> bytes:
        rest = self._seam.push(self._effects.finish())
        return self._volume.push(rest + self._seam.finish())
