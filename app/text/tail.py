"""The end of a text that is being written, by its places in the whole text."""

import re


class Tail:
    """Grows at its end; what nobody needs any more is dropped from its start."""

    def __init__(self) -> None:
        self._text = ""
        self._start = 0

    @property
    def end(self) -> int:
        """How long the whole text is."""
        return self._start + len(self._text)

    def append(self, text: str) -> None:
        """More text."""
        self._text += text

    def slice(self, start: int, end: int) -> str:
        """A stretch of it."""
        assert start >= self._start, "it has been dropped"
        return self._text[start - self._start : end - self._start]

    def find(self, pattern: re.Pattern[str], start: int, limit: int) -> tuple[int, int] | None:
        """Where the pattern is found first in a stretch: start and end."""
        assert start >= self._start, "it has been dropped"
        match = pattern.search(self._text, start - self._start, limit - self._start)
        return None if match is None else (match.start() + self._start, match.end() + self._start)

    def drop(self, before: int) -> None:
        """What lies before this place is not needed any more."""
        if before > self._start:
            self._text = self._text[before - self._start :]
            self._start = before
