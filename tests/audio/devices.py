"""The package sounddevice with a device that is not there: for what real devices do too seldom."""

import sys
from threading import Event
from typing import Any, cast

import pytest

BUFFER = 4_800

#: How much a device has played when somebody looks again who has found it full, in samples.
STEP = 480


class PortAudioError(Exception):
    """As sounddevice has it."""


class Stream:
    """A device whose time goes on when somebody waits for it."""

    latency = 0.1

    def __init__(self, library: "Sounddevice") -> None:
        self._library = library
        self.held = 0
        self.running = self.closed = False

    def start(self) -> None:
        self._library.did("start")
        self.running = True
        self.held = BUFFER if self._library.begins_full else 0

    @property
    def write_available(self) -> int:
        assert self.running
        self._library.did("look")
        if self._library.runs_dry:
            self.held, self._library.runs_dry = 0, False
        elif not self._library.stuck and self.held > BUFFER - STEP:
            self.held -= STEP
        return BUFFER - self.held

    def write(self, pcm: memoryview) -> bool:
        assert self.running
        self._library.did("write")
        assert self.held + len(pcm) // 2 <= BUFFER, "who writes this waits"
        self.held += len(pcm) // 2
        self._library.played += pcm
        told, self._library.tells_dry = self._library.tells_dry, False
        return told

    def abort(self) -> None:
        self._library.did("abort")
        self.running = False

    def close(self) -> None:
        self._library.did("close")
        assert not self.running
        self.closed = True


class Sounddevice:
    """Stands in `sys.modules` for the package."""

    PortAudioError = PortAudioError

    def __init__(self) -> None:
        self.connected = True
        self.begins_full = self.stuck = self.runs_dry = self.tells_dry = False
        self.played = bytearray()
        self.streams: list[Stream] = []
        self.calls: list[str] = []
        #: What fails, and how often before it works again.
        self.broken: dict[str, int] = {}
        #: What hangs, until the event is set.
        self.hanging: dict[str, Event] = {}
        self._known = True

    def did(self, call: str) -> None:
        if call not in ("look", "write") or self.calls[-1:] != [call]:
            self.calls.append(call)
        if call in self.hanging:
            self.hanging[call].wait()
        if self.broken.get(call, 0) > 0:
            self.broken[call] -= 1
            raise PortAudioError(f"cannot {call}: it smells of smoke [PaErrorCode -9999]")

    @property
    def lived(self) -> list[str]:
        """What was done with devices, without the many looks and writes."""
        return [call for call in self.calls if call not in ("look", "write")]

    def plug_in(self) -> None:
        """PortAudio does not see it before its next start."""
        self.connected, self._known = True, False

    def unplug(self) -> None:
        self.connected = False

    def query_devices(self, *, kind: str) -> dict[str, Any]:
        self.did("query")
        assert kind == "output"
        if not (self.connected and self._known):
            raise PortAudioError("Error querying device -1")
        return {"name": "Kitchen radio"}

    def RawOutputStream(self, **options: Any) -> Stream:
        self.did("open")
        assert options["channels"] == 1
        assert options["dtype"] == "int16"
        assert options["samplerate"] == 24_000
        self.streams.append(Stream(self))
        return self.streams[-1]

    def _terminate(self) -> None:
        assert all(stream.closed for stream in self.streams), "this would end them"
        self.did("terminate")

    def _initialize(self) -> None:
        self.did("initialize")
        self._known = True

    def _exit_handler(self) -> None:
        raise AssertionError("this may hang")


def plugged_into(patch: pytest.MonkeyPatch) -> Sounddevice:
    """Such a package, for whoever imports sounddevice."""
    library = Sounddevice()
    patch.setitem(sys.modules, "sounddevice", cast(Any, library))
    return library
