"""What a child process does before anything else: take its pipes out of the reach of native code, and make sure
that it does not outlive the engine.

Runs in the child only.
"""

import os
import signal

from app.process.parent import signal_on_parent_exit

#: Exit code of a child whose engine is gone.
ABANDONED = 3


def own_pipes() -> tuple[int, int]:
    """New descriptors of standard input and output, for this process's own messages.

    From here on, whatever native code prints goes to standard error, and standard input is empty for it.
    """
    source, target = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return source, target


def end_with_parent() -> None:
    """Have the kernel kill this process when its parent exits, even while native code hangs. Linux only."""
    # Ctrl-C reaches the whole process group; the engine decides when its children end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal_on_parent_exit(signal.SIGKILL)
