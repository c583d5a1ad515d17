"""The end of this process: at once when its work is done, and in time even when something hangs."""

import logging
import os
import signal
import sys
import threading
from contextlib import suppress
from typing import NoReturn

#: How long after the timer the kernel ends the process, when the interpreter is held and no thread gets to run.
HELD_S = 0.3


def end_now(code: int) -> NoReturn:
    """End the process without the interpreter's own end, which takes longer than everything that the engine does to
    stop, and in which daemon threads, and so every watchdog in Python, are stopped already.

    What must reach the disk has to be there; buffered output and logs are written here.
    """
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # closed, or none at all
            stream.flush()
    os._exit(code)


def end_within(seconds: float, code: int) -> None:
    """End the process after `seconds` at the latest, whatever hangs: a thread of a library, a socket, native code.

    From any thread. The exit code is `code`; where native code holds the interpreter, SIGALRM ends the process, for
    which the kernel needs none of its threads. The first call sets the time.
    """
    timer = threading.Timer(seconds - HELD_S, os._exit, args=(code,))
    timer.daemon = True
    timer.start()
    if sys.platform != "win32" and not signal.getitimer(signal.ITIMER_REAL)[0]:
        signal.setitimer(signal.ITIMER_REAL, seconds)


def heed_the_alarm() -> None:
    """Let SIGALRM end this process, whatever it has inherited: `end_within` relies on it. Main thread only."""
    if sys.platform != "win32":
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
