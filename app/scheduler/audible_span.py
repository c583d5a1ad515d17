"""How long there is something to be heard in a take. It knows neither the text nor what the length is good for."""

from app.audio.pcm import SAMPLE_RATE, sample_count, silent_end, silent_start


class AudibleSpan:
    """Counts a take's samples as they come, in whatever pieces: the result depends on the samples alone."""

    def __init__(self) -> None:
        self._samples = 0
        self._first: int | None = None
        self._last = 0

    def add(self, pcm: bytes) -> None:
        """The next piece of the take, as the model gave it."""
        count, quiet = sample_count(pcm), silent_end(pcm)
        if quiet < count:
            if self._first is None:
                self._first = self._samples + silent_start(pcm)
            self._last = self._samples + count - quiet
        self._samples += count

    @property
    def seconds(self) -> float:
        """From the first sample that is not silence to the last; 0 if there is none."""
        return 0.0 if self._first is None else (self._last - self._first) / SAMPLE_RATE
