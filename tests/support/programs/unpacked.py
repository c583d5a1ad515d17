"""A program that believes it was unpacked by a bootloader, and says when it is asked to end."""

import signal
import sys
from typing import NoReturn

from app.process.executable import end_with_bootloader


def end(*_: object) -> NoReturn:
    print("asked to end", flush=True)
    sys.exit(0)


if __name__ == "__main__":
    setattr(sys, "_MEIPASS", "/nowhere/_MEI1")  # noqa: B010  # where PyInstaller says that it has unpacked
    signal.signal(signal.SIGTERM, end)
    end_with_bootloader()
    print("ready", flush=True)
    while True:
        signal.pause()
