"""What a process that the engine has started does before anything else: take its pipes out of the way of native
code, and see to it that it does not outlive the engine.

It runs in the child only, and does not know what the child is for.
"""

import ctypes
import os
import signal
import sys

#: Exit code of a child whose engine has gone.
ABANDONED = 3

_PR_SET_PDEATHSIG = 1


def own_pipes() -> tuple[int, int]:
    """Descriptors of what were standard input and output, for this process's own use.

    Whatever native code prints goes to standard error from here on, and what it would read is nothing.
    """
    source, target = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return source, target


def end_with_parent() -> None:
    """Have the kernel end this process with its parent, also when native code hangs. Only Linux does that."""
    # Ctrl-C reaches the whole process group; the engine decides when its children end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
