"""How long there is something to be heard in a take. It knows neither the text nor what the length is good for."""

from app import SAMPLE_RATE

#: Where less was asked for, nothing can be said about whether there is sound.
QUIET_VOLUME = 0.1

_SILENT = b"\x00\xff"


class Heard:
    """Counts a take's samples as they come, in whatever pieces: the result depends on the samples alone."""

    def __init__(self, volume: float) -> None:
        self._silent = b"" if volume < QUIET_VOLUME else _SILENT
        self._samples = 0
        self._first: int | None = None
        self._last = 0

    def add(self, pcm: bytes) -> None:
        """The next piece of the take, as the model gave it."""
        # A sample of less than -42 dB of full scale is within 255 of zero, so its upper byte is 0 or 255. To strip
        # bytes is much quicker than to read samples.
        upper = pcm[1::2]
        if loud := len(upper.rstrip(self._silent)):
            if self._first is None:
                self._first = self._samples + len(upper) - len(upper.lstrip(self._silent))
            self._last = self._samples + loud
        self._samples += len(upper)

    @property
    def seconds(self) -> float:
        """From the first sample that is not silence to the last; 0 if there is none."""
        return 0.0 if self._first is None else (self._last - self._first) / SAMPLE_RATE
