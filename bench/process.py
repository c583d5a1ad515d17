"""Processes as they are seen from outside: their memory, their processor time, and the machine they run on."""

import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("litestar", "uvicorn", "websockets", "sqlalchemy", "aiosqlite", "msgspec", "espeakng-loader", "numpy")


def resident_mb(pid: int) -> float:
    """The process's resident memory in megabytes."""
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024 / 1e6
    return int(_ps("rss", pid)) * 1024 / 1e6


def cpu_seconds(pid: int) -> float:
    """The processor time that the process, with all its threads, has had so far; in steps of 10 ms."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.exists():
        user, system = stat.read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    days, _, clock = _ps("time", pid).rpartition("-")
    seconds = 0.0
    for part in clock.split(":"):
        seconds = seconds * 60 + float(part)
    return seconds + 86_400 * int(days or 0)


def children(pid: int) -> list[int]:
    """The processes that this one has started."""
    listed = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout
    return [int(line) for line in listed.split()]


def load() -> list[float]:
    """How many processes wanted to run, on average, in the last minute, five and fifteen."""
    return [round(value, 2) for value in os.getloadavg()]


@cache
def environment() -> dict[str, str]:
    """The environment for everything that is measured: bytecode is kept, as an installed program has it.

    It goes to a folder of this run, so that neither PYTHONDONTWRITEBYTECODE nor what an installer left out makes
    a difference; the first, uncounted round fills it.
    """
    folder = tempfile.TemporaryDirectory(prefix="q3tts-bench-")
    _kept.append(folder)
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**inherited, "PYTHONPYCACHEPREFIX": folder.name}


_kept: list["tempfile.TemporaryDirectory[str]"] = []


def allow_files(count: int) -> None:
    """Raise the limit of open files of this process, which is 256 where nobody has raised it."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard) if hard > 0 else count, hard))


@contextmanager
def scratch() -> Generator[Path]:
    """A folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="q3tts-bench-") as folder:
        yield Path(folder)


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    import sqlite3

    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "python": sys.version.split()[0],
        "sqlite": sqlite3.sqlite_version,
        **{name: version(name) for name in LIBRARIES},
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _ps(column: str, pid: int) -> str:
    command = ["ps", "-o", f"{column}=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
