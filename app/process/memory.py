"""How much memory processes have."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

#: `ps` answers at once, or something is wrong with the machine.
PS_S = 5.0


def resident_bytes(pids: Sequence[int]) -> dict[int, int]:
    """Resident memory of each of the processes that still run. Blocks."""
    return _from_proc(pids) if sys.platform == "linux" else _from_ps(pids)


def _from_proc(pids: Sequence[int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for pid in pids:
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        line = next((line for line in status.splitlines() if line.startswith("VmRSS")), None)
        if line is not None:  # a process that has just ended has none
            found[pid] = int(line.split()[1]) * 1024
    return found


def _from_ps(pids: Sequence[int]) -> dict[int, int]:
    command = ["ps", "-o", "pid=,rss=", "-p", ",".join(map(str, pids))]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PS_S).stdout
    except (OSError, subprocess.TimeoutExpired):
        return {}
    rows = [line.split() for line in said.splitlines()]
    return {int(row[0]): int(row[1]) * 1024 for row in rows if len(row) == 2}
