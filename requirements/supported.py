"""Whether q3tts can be installed here, asked by `make` before it downloads anything.

Pythons that are too old must get as far as the answer, so it is written for Python 3.6 and the standard library.
"""

import importlib.util
import os
import platform
import struct
import sys
from typing import NamedTuple, Tuple

Version = Tuple[int, ...]

#: What the pinned wheels are made for. The README promises it, `make platforms` sees whether it is so.
OLDEST_PYTHON = (3, 11)
NEWEST_PYTHON = (3, 14)
OLDEST_GLIBC = (2, 35)
OLDEST_MACOS = (14, 0)
LINUX_MACHINES = ("x86_64", "aarch64")

OTHER_PYTHON = "; if there is another Python, name it: make PYTHON=python3.12"


class Here(NamedTuple):
    """What matters of a system and of its Python."""

    system: str
    machine: str
    python: Version
    glibc: Version = ()
    macos: Version = ()
    implementation: str = "cpython"
    bits: int = 64
    free_threaded: bool = False
    makes_environments: bool = True


def look() -> Here:
    """This system, as this Python sees it."""
    return Here(
        system=sys.platform,
        machine=platform.machine(),
        python=tuple(sys.version_info[:2]),
        glibc=_glibc(),
        macos=_numbers(platform.mac_ver()[0]),
        implementation=sys.implementation.name,
        bits=8 * struct.calcsize("P"),
        free_threaded="t" in getattr(sys, "abiflags", ""),
        makes_environments=importlib.util.find_spec("ensurepip") is not None,
    )


def obstacle(here: Here) -> str:
    """Why q3tts cannot be installed and what would be right, or nothing."""
    if here.system == "linux":
        return _of_linux(here) or _of_python(here)
    if here.system == "darwin":
        return _of_macos(here) or _of_python(here)
    if here.system in ("win32", "cygwin", "msys"):
        return "it does not run on Windows; use WSL with Ubuntu 22.04 or newer"
    return f"it runs on Linux and macOS, not on {here.system}"


def _of_linux(here: Here) -> str:
    if here.machine not in LINUX_MACHINES:
        return f"on Linux MLX is built for {' and '.join(LINUX_MACHINES)}, and this is {here.machine}"
    if not here.glibc:
        return (
            "MLX is built for glibc, and this system has another C library (Alpine has musl); use Debian or Ubuntu"
        )
    if here.glibc < OLDEST_GLIBC:
        return (
            f"MLX needs glibc {_dotted(OLDEST_GLIBC)} or newer, and this system has {_dotted(here.glibc)}; "
            "use Debian 12, Ubuntu 22.04, Fedora 36 or newer"
        )
    return ""


def _of_macos(here: Here) -> str:
    if here.machine != "arm64":
        return (
            f"MLX needs Apple silicon, and this Python is for {here.machine}; "
            f"on a Mac with Apple silicon, use a Python for arm64{OTHER_PYTHON}"
        )
    if here.macos < OLDEST_MACOS:
        return f"MLX and PyAV need macOS {OLDEST_MACOS[0]} or newer, and this is macOS {_dotted(here.macos)}"
    return ""


def _of_python(here: Here) -> str:
    needed = f"it needs Python {_dotted(OLDEST_PYTHON)} to {_dotted(NEWEST_PYTHON)}"
    if here.implementation != "cpython":
        return f"{needed} of the kind CPython, and this is {here.implementation}{OTHER_PYTHON}"
    if here.python < OLDEST_PYTHON:
        return f"{needed}, and this is Python {_dotted(here.python)}{OTHER_PYTHON}"
    if here.python > NEWEST_PYTHON:
        return f"{needed}; not every package is built for Python {_dotted(here.python)} yet{OTHER_PYTHON}"
    if here.free_threaded:
        return f"{needed} with the GIL; not every package is built for a Python without it{OTHER_PYTHON}"
    if here.bits != 64:
        return f"{needed} for 64 bits, and this one is for {here.bits}{OTHER_PYTHON}"
    if not here.makes_environments:
        return "this Python cannot make virtual environments; on Debian and Ubuntu, apt install python3-venv"
    return ""


def _glibc() -> Version:
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    except (AttributeError, OSError, ValueError):  # another system, another C library
        return ()
    return _numbers(version) if name == "glibc" else ()


def _numbers(version: str) -> Version:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


def _dotted(version: Version) -> str:
    return ".".join(str(part) for part in version)


if __name__ == "__main__":
    found = obstacle(look())
    if found:
        sys.exit(f"q3tts cannot be installed here: {found}.")
