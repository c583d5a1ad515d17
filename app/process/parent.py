"""Notices that a parent process has ended, whatever the reason.

The system is asked for a notification; a process number is not polled, since it is reused sooner or later.
"""

import errno
import os
import select
import signal
import sys
import threading
from collections.abc import Callable

#: Windows: the right to wait for a process, and to wait without a timeout.
_SYNCHRONIZE, _INFINITE = 0x0010_0000, 0xFFFF_FFFF

#: Linux: of prctl(2).
_PR_SET_PDEATHSIG = 1


def signal_on_parent_exit(number: signal.Signals) -> None:
    """Have the kernel send this process a signal when the thread that started it ends: prctl(2). Linux only."""
    if sys.platform == "linux":
        import ctypes  # which the light commands do without

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)


def when_gone(pid: int, on_end: Callable[[], None]) -> threading.Thread:
    """Call back from a thread once the process has ended, or at once if there is no such process.

    Where the system cannot wait for a process that is not a child, nothing is ever called.
    """

    def wait() -> None:
        if _wait(pid):
            on_end()

    thread = threading.Thread(target=wait, name="parent", daemon=True)
    thread.start()
    return thread


def _wait(pid: int) -> bool:
    """Wait until the process has ended; False if the system cannot tell."""
    try:
        if sys.platform == "linux":
            handle = os.pidfd_open(pid)
            try:
                waiting = select.poll()
                waiting.register(handle, select.POLLIN)
                waiting.poll()
            finally:
                os.close(handle)
        elif sys.platform == "win32":
            return _wait_on_windows(pid)
        else:
            with select.kqueue() as queue:
                ended = select.kevent(pid, select.KQ_FILTER_PROC, select.KQ_EV_ADD, select.KQ_NOTE_EXIT)
                (event,) = queue.control([ended], 1, None)
            if event.flags & select.KQ_EV_ERROR:  # reported as an event, not raised
                return event.data == errno.ESRCH
    except ProcessLookupError:
        return True
    except OSError:  # an old kernel, or a sandbox that forbids it
        return False
    return True


def _wait_on_windows(pid: int) -> bool:
    if sys.platform != "win32":
        return False
    import ctypes

    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    handle = kernel.OpenProcess(_SYNCHRONIZE, False, pid)
    if not handle:
        # 87, ERROR_INVALID_PARAMETER: there is no such process.
        return ctypes.get_last_error() == 87
    kernel.WaitForSingleObject(handle, _INFINITE)
    kernel.CloseHandle(handle)
    return True
