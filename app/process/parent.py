"""Notices that another process has ended, whatever it was killed by. The system is asked to say so, not asked again
and again: a process number is given to somebody else sooner or later, a handle is not.

It does not know what that process is to this one.
"""

import errno
import os
import select
import sys
import threading
from collections.abc import Callable

#: Windows: the right to wait for a process, and to wait without an end.
_SYNCHRONIZE, _INFINITE = 0x0010_0000, 0xFFFF_FFFF


def when_gone(pid: int, on_end: Callable[[], None]) -> threading.Thread:
    """Call back, from a thread, once the process has ended; at once when there is none.

    What the system cannot tell is not guessed: where it has no way to wait for a stranger's process, nothing is
    ever called.
    """

    def wait() -> None:
        if _wait(pid):
            on_end()

    thread = threading.Thread(target=wait, name="parent", daemon=True)
    thread.start()
    return thread


def _wait(pid: int) -> bool:
    """Until the process has ended; False when that cannot be seen."""
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
            if event.flags & select.KQ_EV_ERROR:  # told as an event, not raised
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
        # 87 is "the parameter is incorrect": there is no such process.
        return ctypes.get_last_error() == 87
    kernel.WaitForSingleObject(handle, _INFINITE)
    kernel.CloseHandle(handle)
    return True
