"""How to run this program again, be it from source, installed or frozen, and what is special about a single-file
bundle: its parent process unpacks it and removes what it has unpacked.
"""

import os
import signal
import sys
from pathlib import Path

from app.process.parent import signal_on_parent_exit


def is_frozen() -> bool:
    """Whether this is a bundle made by PyInstaller, not Python with the source."""
    return bool(getattr(sys, "frozen", False))


def program(*arguments: str) -> tuple[str, ...]:
    """The command line that runs this program. Python is told not to look for `app` in the current folder."""
    command = (sys.executable,) if is_frozen() else (sys.executable, "-P", "-m", "app")
    return (*command, *arguments)


def unpacked_folder() -> Path | None:
    """Where this program was unpacked if it is a single-file bundle, which is in a temporary folder while it runs.

    Only PyInstaller's name for that folder tells: the file itself may lie above it, or in the same folder.
    """
    folder = Path(getattr(sys, "_MEIPASS", ""))
    return folder if folder.name.startswith("_MEI") else None


def unpacked() -> bool:
    """Whether this is a single-file bundle."""
    return unpacked_folder() is not None


def independent() -> dict[str, str]:
    """The environment of a child that outlives this process: a single-file bundle is unpacked again for it.
    Other children use what has been unpacked already.
    """
    return {**os.environ, "PYINSTALLER_RESET_ENVIRONMENT": "1"} if unpacked() else dict(os.environ)


def outside() -> dict[str, str]:
    """The environment of a foreign program, which must not load the libraries of a bundle."""
    environment = dict(os.environ)
    if is_frozen():
        before = environment.pop("LD_LIBRARY_PATH_ORIG", None)  # as PyInstaller keeps it
        environment.pop("LD_LIBRARY_PATH", None)
        if before is not None:
            environment["LD_LIBRARY_PATH"] = before
    return environment


def end_with_bootloader() -> None:
    """In a single-file bundle, have the kernel send SIGTERM to this process when the one that unpacked it ends.

    Linux only; elsewhere the end of standard input tells that.
    """
    if sys.platform != "linux" or not unpacked():
        return
    parent = os.getppid()
    signal_on_parent_exit(signal.SIGTERM)
    if os.getppid() != parent:  # it exited before the kernel was asked
        os.kill(os.getpid(), signal.SIGTERM)
