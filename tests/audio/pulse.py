"""Speakers for machines that have none: a sound server whose sink keeps the time of a real device, and whose sound
can be recorded. PortAudio finds it by a configuration of ALSA.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager
from ctypes.util import find_library
from pathlib import Path

import pytest

from app import SAMPLE_RATE
from tests.support.waiting import wait_until

PATIENCE_S = 30.0

#: Where the tests of real devices must not be skipped.
NEEDED = "Q3TTS_NEEDS_SPEAKERS"

PLUGIN = "alsa-lib/libasound_module_pcm_pulse.so"


def missing() -> str | None:
    """What this machine lacks for tests with a sound server, in words."""
    if sys.platform != "linux":
        return "the sound server of these tests is for Linux"
    if find_library("portaudio") is None:
        return "PortAudio is missing: apt install libportaudio2"
    if not all(shutil.which(name) for name in ("pulseaudio", "pactl")):
        return "PulseAudio is missing: apt install pulseaudio pulseaudio-utils"
    if not any([*Path("/usr").glob(f"lib*/{PLUGIN}"), *Path("/usr").glob(f"lib*/*/{PLUGIN}")]):
        return "ALSA's plugin for PulseAudio is missing: apt install libasound2-plugins"
    return None


def skip_without_speakers() -> None:
    """Skip with the reason; fail where these tests have to run."""
    why = missing()
    if why is not None:
        (pytest.fail if os.environ.get(NEEDED) else pytest.skip)(why)


class Recording:
    """What the device plays, from a moment on."""

    def __init__(self, played: bytearray) -> None:
        self._played = played
        self.restart()

    def restart(self) -> None:
        """Forget what there is."""
        self._begin = len(self._played) // 2 * 2

    @property
    def pcm(self) -> bytes:
        """All of it, silence too."""
        data = bytes(self._played[self._begin :])
        return data[: len(data) // 2 * 2]

    @property
    def samples(self) -> int:
        """How many there are."""
        return (len(self._played) - self._begin) // 2

    def sound(self) -> bytes:
        """Without the silence at both ends."""
        data = self.pcm.rstrip(b"\0")
        begin = (len(data) - len(data.lstrip(b"\0"))) // 2 * 2
        return data[begin:] + bytes(len(data) % 2)

    def sound_end(self) -> int:
        """After how many samples there is only silence."""
        return -(-len(self.pcm.rstrip(b"\0")) // 2)


class Pulse:
    """A sound server of our own, whose only device is a sink named `speakers`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = f"unix:{folder / 'native'}"
        self.environment = {
            "HOME": str(folder),
            "PULSE_RUNTIME_PATH": str(folder),
            "PULSE_SERVER": self.server,
            "ALSA_CONFIG_PATH": str(self._config()),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._played = bytearray()

    def _config(self) -> Path:
        path = self.folder / "asound.conf"
        path.write_text(f'pcm.!default {{ type pulse server "{self.server}" }}\n')
        return path

    def start(self) -> None:
        """Start it; it is there when this returns."""
        # The monitor of a null sink would miss the begin of every sound, for its silence was recorded already.
        speakers = f"sink_name=speakers rate={SAMPLE_RATE} format=s16le channels=1 file={self.folder / 'speakers'}"
        sink = f"module-pipe-sink use_system_clock_for_timing=yes {speakers}"
        door = f"module-native-protocol-unix auth-anonymous=1 socket={self.folder / 'native'}"
        options = ["-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--disable-shm=yes"]
        quiet = ["--log-level=error", "--realtime=no", "--high-priority=no"]
        with (self.folder / "stderr").open("ab") as stderr:
            self._process = subprocess.Popen(
                ["pulseaudio", *options, *quiet, f"--load={sink}", f"--load={door}"],
                env={**os.environ, **self.environment},
                stderr=stderr,
            )
        wait_until(self._answers, "the sound server does not answer")
        self._ear = threading.Thread(target=self._listen)
        self._ear.start()

    def _listen(self) -> None:
        with (self.folder / "speakers").open("rb", buffering=0) as pipe:
            while heard := pipe.read(1 << 16):
                self._played += heard

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "stderr").read_text()
        asked = ["pactl", f"--server={self.server}", "info"]
        environment = {**os.environ, **self.environment}
        return subprocess.run(asked, env=environment, capture_output=True, check=False).returncode == 0

    def stop(self) -> None:
        """End it, as a device ends that is pulled out."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE_S)
            self._process = None
            self._ear.join(PATIENCE_S)
            (self.folder / "native").unlink(missing_ok=True)

    def recording(self) -> Recording:
        """Record what is played from now on."""
        return Recording(self._played)


@contextmanager
def pulse() -> Generator[Pulse]:
    """A sound server, which this process and its children find as the default device."""
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        server = Pulse(Path(name))
        server.start()
        for key, value in server.environment.items():
            if key != "HOME":
                patch.setenv(key, value)
        try:
            yield server
        finally:
            server.stop()
