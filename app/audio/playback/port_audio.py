"""The machine's audio devices as PortAudio has them: finds the one that is played to, opens it, and says in words
what is wrong with it.

Everything here blocks, with a broken driver for good: it is called in a thread that can be given up. It does not
know what is played, or when.
"""

import atexit
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any, cast

from app import SAMPLE_RATE
from app.errors import NoSpeakers

#: How much a device holds, which is how long this process may be kept from filling it up, as it is while models
#: speak on the processor. ALSA takes a quarter more than what is asked for; CoreAudio some three times as much,
#: and begins with as much silence.
LATENCY_S = 0.05 if sys.platform == "darwin" else 0.25


class Device:
    """An open stream to a device, started and stopped any number of times."""

    def __init__(self, library: Any, stream: Any, name: str) -> None:
        self._library, self._stream, self._name = library, stream, name
        self._empty = 0
        #: In samples, known once it was started: what it holds, and how much silence moves the last sample out.
        self.buffer = self.tail = 0

    def start(self) -> None:
        """Get ready. A device of ALSA is silent until it has some samples, one of CoreAudio plays silence first."""
        with self._naming_the_device():
            self._stream.start()
            room, latency = self._stream.write_available, round(self._stream.latency * SAMPLE_RATE)
        self.buffer = max(room, latency)
        if room >= latency:
            # What leaves this buffer enters that of a sound server, a quarter as large, which stopping empties too.
            self._empty, self.tail = room, self.buffer + self.buffer // 2
        else:  # CoreAudio's begins full of silence
            self._empty, self.tail = 0, self.buffer

    def room(self) -> int:
        """How many samples it takes now without anybody having to wait."""
        with self._naming_the_device():
            return self._stream.write_available

    def write(self, pcm: memoryview) -> bool:
        """Give it samples for which there is room; whether it had run dry."""
        with self._naming_the_device():
            # CoreAudio tells. ALSA may not, for PortAudio compares two clocks to find out; its buffer is then as
            # empty as it was at the start.
            was_empty = 0 < self._empty <= self._stream.write_available
            return self._stream.write(pcm) or was_empty

    def stop(self) -> None:
        """Be silent at once, whatever it still holds."""
        self._stream.abort()  # a device that is gone is silent: errors are not reported

    def close(self) -> None:
        """Let go of it."""
        self._stream.close()

    @contextmanager
    def _naming_the_device(self) -> Generator[None]:
        """Report errors of the library with the name of the device."""
        try:
            yield
        except self._library.PortAudioError as error:
            raise self.failed(_reason(error)) from error

    def failed(self, why: str) -> NoSpeakers:
        """The error for something that is wrong with it."""
        return NoSpeakers(f"the audio device '{self._name}' cannot be played to: {why}")


class PortAudio:
    """The library, loaded when it is first needed."""

    def __init__(self) -> None:
        self._library: Any = None
        self._users = 0  #: streams that are open, or in the hands of a driver that hangs

    def find(self) -> str:
        """The name of the device that would be played to. Raises `NoSpeakers`."""
        library = self._loaded()
        try:
            return self._found(library)
        except NoSpeakers:
            if not self._renewed(library):
                raise
            return self._found(library)

    def open(self, *, anew: bool = False) -> Device:
        """Open it; `anew` when the devices may be others than those that PortAudio knows. Raises `NoSpeakers`."""
        library = self._loaded()
        if anew:
            self._renewed(library)
        name = self.find()
        self._users += 1  # before it is open: it may hang
        try:
            stream = library.RawOutputStream(samplerate=SAMPLE_RATE, channels=1, dtype="int16", latency=LATENCY_S)
        except (library.PortAudioError, ValueError) as error:
            self._users -= 1
            if not anew and self._users == 0:  # it may have gone since PortAudio has looked
                return self.open(anew=True)
            raise NoSpeakers(f"the audio device '{name}' cannot be opened: {_reason(error)}") from error
        return Device(library, stream, name)

    def close(self, device: Device) -> None:
        """Close what was opened here."""
        device.close()
        self._users -= 1

    def _loaded(self) -> Any:
        if self._library is None:
            self._library = _load()
        return self._library

    def _found(self, library: Any) -> str:
        try:
            return library.query_devices(kind="output")["name"]
        except (library.PortAudioError, ValueError) as error:
            raise NoSpeakers(
                "no audio device that can be played to was found; connect one, choose it in the system settings, "
                "or save a file: q3tts -o FILE TEXT"
            ) from error

    def _renewed(self, library: Any) -> bool:
        """Have PortAudio look for devices again, which it does only at its start, and which ends every stream."""
        if self._users > 0:
            return False
        self._users += 1
        try:
            with suppress(library.PortAudioError):  # when it could not be started again the last time
                library._terminate()
            library._initialize()
        except library.PortAudioError as error:
            raise NoSpeakers(f"PortAudio cannot be started again: {_reason(error)}") from error
        finally:
            self._users -= 1
        return True


def _load() -> Any:
    try:
        import sounddevice  # pyright: ignore[reportMissingTypeStubs]
    except ImportError as error:
        raise NoSpeakers(f"the Python package sounddevice is not installed: {error}") from error
    except OSError as error:
        raise NoSpeakers(
            f"the PortAudio library is missing; on Debian and Ubuntu: apt install libportaudio2 ({error})"
        ) from error
    except Exception as error:  # its own PortAudioError, which cannot be had without it
        raise NoSpeakers(f"PortAudio cannot be started: {error}") from error
    library = cast(Any, sounddevice)
    # At the end of the process it would end every stream and wait for that: for ever, when a device hangs. Streams
    # are closed by those who opened them, and what is left is the system's to clear up.
    atexit.unregister(library._exit_handler)
    return library


def _reason(error: Exception) -> str:
    return str(error).strip() or type(error).__name__
