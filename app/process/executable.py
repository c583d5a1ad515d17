"""This program again, for another purpose: from source, installed or frozen; and what is particular about a single
file, whose parent process unpacks it and removes it again.
"""

import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def is_frozen() -> bool:
    """Whether this is a bundle, and not Python with the source."""
    return bool(getattr(sys, "frozen", False))


def program(*arguments: str) -> tuple[str, ...]:
    """A command line. Python is told not to look for `app` in the current folder."""
    command = (sys.executable,) if is_frozen() else (sys.executable, "-P", "-m", "app")
    return (*command, *arguments)


def unpacked() -> bool:
    """Whether this is a single file, which was unpacked into a temporary folder for as long as it runs.

    Only PyInstaller's own name for that folder tells: the file itself may lie above it, or in the same folder.
    """
    return Path(getattr(sys, "_MEIPASS", "")).name.startswith("_MEI")


def independent() -> dict[str, str]:
    """The environment of a child that outlives this process: a single file is unpacked again for it. Any other
    child uses what is unpacked already.
    """
    return {**os.environ, "PYINSTALLER_RESET_ENVIRONMENT": "1"} if unpacked() else dict(os.environ)


def outside() -> dict[str, str]:
    """The environment of a program that is none of ours, and must not load the libraries of a bundle."""
    environment = dict(os.environ)
    if is_frozen():
        before = environment.pop("LD_LIBRARY_PATH_ORIG", None)  # as PyInstaller keeps it
        environment.pop("LD_LIBRARY_PATH", None)
        if before is not None:
            environment["LD_LIBRARY_PATH"] = before
    return environment


def end_with_bootloader() -> None:
    """Of a single file: have the kernel tell this process to end when the one that unpacked it is killed. Only
    Linux does that; elsewhere it is the end of standard input that says so.
    """
    if sys.platform != "linux" or not unpacked():
        return
    import ctypes  # which every other command does without

    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before the kernel knew
        os.kill(os.getpid(), signal.SIGTERM)
