"""Where two stretches of audio meet: silence is added, so that the pause between them is as long as it should be.

Only digital silence is added; no sample of a stretch is changed or left out. Most of a pause is added at the end of
a stretch at once, the rest in front of the next, when it is known how much silence that brings itself. Pure; knows
nothing of text, jobs or the log.
"""

from typing import NamedTuple

from app.audio.pcm import sample_count, silence, silent_end, silent_start


class Ending(NamedTuple):
    """How the audio so far ends, in samples."""

    silence: int = 0  #: at its end
    pause: int | None = None  #: required before the next sound; None as long as nothing was heard


class Seam:
    """One stretch of audio, between what is before it and what comes: PCM in, PCM out, with silence at its ends.

    `pause` is the silence that must follow it, in samples, of which `left` are for the start of what follows; it
    may be set later, before `finish`. The first samples are held back until one can be heard, or there is enough
    silence without more. All pushes and `finish` together give the same bytes, however the stretch is cut.
    """

    def __init__(self, before: Ending, *, pause: int | None, left: int) -> None:
        self.pause = pause
        self._before, self._left = before, left
        self._missing = max(0, (before.pause or 0) - before.silence)
        self._held = b""
        self._silence = before.silence
        self._heard = False

    def push(self, pcm: bytes) -> bytes:
        """Take PCM in; what is ready by now comes back, possibly nothing yet."""
        quiet = silent_end(pcm)
        if quiet < sample_count(pcm):
            self._heard, self._silence = True, quiet
        else:
            self._silence += quiet
        if not self._missing:
            return pcm
        self._held += pcm
        start = silent_start(self._held)
        if not self._heard and start < self._missing:
            return b""
        held, added = self._held, silence(self._missing - start)
        self._held, self._missing = b"", 0
        return added + held

    def finish(self) -> bytes:
        """No more comes in: the rest. After a stretch in which nothing can be heard, nothing is added."""
        if not self._heard:
            held, self._held, self._missing = self._held, b"", 0
            return held
        added = silence(self._known_pause - self._left - self._silence)
        self._silence += sample_count(added)
        return added

    @property
    def silent_tail(self) -> int:
        """The samples of silence at the end of what has come out so far; none before something was heard."""
        return self._silence if self._heard else 0

    @property
    def ending(self) -> Ending:
        """How the audio ends after it. A stretch that cannot be heard makes the pause no shorter."""
        if self._heard:
            return Ending(self._silence, self._known_pause)
        if self._before.pause is None:
            return Ending(self._silence, None)
        return Ending(self._silence, max(self._before.pause, self._known_pause))

    @property
    def _known_pause(self) -> int:
        assert self.pause is not None, "what follows is known by now"
        return self.pause
