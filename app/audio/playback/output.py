"""Plays samples on a device: piece by piece as it takes them, without a gap, to the last one or until stopped.

Belongs to one thread and blocks it. It knows neither the event loop nor where samples come from.
"""

import logging
import time
from threading import Event

from app import SAMPLE_RATE
from app.audio.playback.port_audio import Device, PortAudio
from app.errors import NoSpeakers

SAMPLE_BYTES = 2

#: What is given to a device at a time, in samples: 20 ms.
PIECE = SAMPLE_RATE // 50

#: A device that takes nothing for this long is gone, or will not recover by itself.
STUCK_S = 5.0

logger = logging.getLogger(__name__)


class PlaybackStopped(Exception):
    """Nobody wants to hear the rest."""


class Playback:
    """One text on its way through a device. Whoever sets `stop` has it end with `PlaybackStopped`."""

    def __init__(self, stop: Event | None = None) -> None:
        self.stop = stop or Event()
        self.samples = 0
        self.underruns = 0


class Output:
    """A device that is opened once and then kept, between texts stopped."""

    # Samples are written only when there is room for them, so that no call waits inside PortAudio. Its own waiting
    # cannot be interrupted, and in CoreAudio it never ends once the device has been unplugged. A callback instead
    # would be Python in the system's real-time thread, waiting for the interpreter's lock at every 10 ms of sound;
    # like this PortAudio's own buffer is filled by C code alone, and Python may come as late as that lasts.

    def __init__(self, audio: PortAudio) -> None:
        self._audio = audio
        self._device: Device | None = None
        self._used = False
        self._running = False

    @property
    def is_open(self) -> bool:
        """Whether there is a device, which may be asked from any thread."""
        return self._device is not None

    def open(self, *, anew: bool = False) -> None:
        """Open the device unless it is. Raises `NoSpeakers`."""
        if self._device is None:
            self._device = self._audio.open(anew=anew)
            self._used = False

    def write(self, pcm: bytes, playback: Playback) -> None:
        """Give it all these samples; returns when the device has taken the last, which is a moment before it is
        heard. Raises `NoSpeakers` and `PlaybackStopped`.
        """
        samples = memoryview(pcm)
        if not samples:
            return
        if not self._running:
            samples = self._begin(samples, playback)
        self._put(samples, playback)

    def finish(self, playback: Playback) -> None:
        """Return when the last sample has been heard. Raises `NoSpeakers` and `PlaybackStopped`."""
        if not self._running or self._device is None:
            return
        # PortAudio would cut the end off, for on ALSA it does not wait for it; and what is shorter than a period
        # would never begin. Silence after the last sample pushes it out.
        self._put(memoryview(bytes(self._device.tail * SAMPLE_BYTES)), Playback(playback.stop))
        self.silence()

    def silence(self) -> None:
        """Be silent at once; the device stays open."""
        if self._device is not None and self._running:
            self._running = False
            self._device.stop()

    def close(self) -> None:
        """Let go of the device."""
        self.silence()
        if self._device is not None:
            device, self._device = self._device, None
            self._audio.close(device)

    def _begin(self, samples: memoryview, playback: Playback) -> memoryview:
        """Start the device with the first piece; what is left. One that has gone since it was last used is opened
        anew, once.
        """
        self.open()
        first = samples[: PIECE * SAMPLE_BYTES]
        try:
            self._start(first, playback)
        except NoSpeakers as error:
            if not self._used:
                raise
            logger.info("%s; looking for one again", error.message)
            self.open(anew=True)
            self._start(first, playback)
        self._used = True
        return samples[len(first) :]

    def _start(self, first: memoryview, playback: Playback) -> None:
        assert self._device is not None
        try:
            self._running = True
            self._device.start()
        except NoSpeakers:
            self.close()
            raise
        self._put(first, playback)

    def _put(self, samples: memoryview, playback: Playback) -> None:
        assert self._device is not None
        most = min(PIECE, max(self._device.buffer // 4, 1)) * SAMPLE_BYTES
        try:
            for start in range(0, len(samples), most):
                piece = samples[start : start + most]
                self._wait_for_room(self._device, len(piece) // SAMPLE_BYTES, playback.stop)
                ran_dry = self._device.write(piece)
                playback.underruns += ran_dry and playback.samples > 0
                playback.samples += len(piece) // SAMPLE_BYTES
        except NoSpeakers:
            self.close()
            raise

    def _wait_for_room(self, device: Device, samples: int, stop: Event) -> None:
        deadline = time.monotonic() + STUCK_S
        while (room := device.room()) < samples:
            if time.monotonic() > deadline:
                raise device.failed(f"it has taken nothing for {STUCK_S:g} s")
            if stop.wait(min(max((samples - room) / SAMPLE_RATE, 0.002), 0.02)):
                break
        if stop.is_set():
            raise PlaybackStopped
