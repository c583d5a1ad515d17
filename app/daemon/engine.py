"""The engine as the handlers see it: what they may ask, and where sound goes. It does not know the socket.

The handlers are read again while the engine runs; what must outlive that is here.
"""

import asyncio
import time
from collections.abc import AsyncIterable
from typing import Protocol

from app.audio.playback.speakers import Played
from app.config import Config
from app.usecases.parts import Parts


class AudioOutput(Protocol):
    """Where sound comes out. Belongs to the event loop."""

    async def check(self) -> None:
        """Raises `NoSpeakers` when there is no device."""
        ...

    async def play(self, pcm: AsyncIterable[bytes]) -> Played:
        """Play 16-bit mono PCM at 24 kHz, after all earlier requests. Returns with the last sample; canceled,
        there is silence at once. Raises `NoSpeakers`.
        """
        ...

    async def close(self) -> None:
        """Let go of the device."""
        ...


#: One that is being heard, and one that is ready when that ends. What is played keeps a place in the lane, and
#: others listen over WebSockets.
MAX_ALOUD = 2


class DaemonContext:
    """What the handlers may use of the engine. Belongs to the event loop."""

    def __init__(self, *, config: Config, url: str, parts: Parts, speakers: AudioOutput) -> None:
        self.config, self.url, self.parts, self.speakers = config, url, parts, speakers
        self.aloud = asyncio.Semaphore(MAX_ALOUD)  #: jobs that are played, or will be next
        self.started = time.monotonic()
        self.stop_requested = False

    def stop(self) -> None:
        """End the engine, once whoever asks for that has been answered."""
        self.stop_requested = True
