"""What the system knows of whoever is at the other end of a Unix socket: whose process it is, and whether it is
still there. It knows nothing of what is said.
"""

import select
import struct
import sys
from typing import Protocol

#: Linux: the process, its user, its group.
_UCRED = struct.Struct("=iII")

#: macOS, from <sys/un.h> and <sys/ucred.h>; the version, the user, then groups. Python names none of it.
_SOL_LOCAL, _LOCAL_PEERCRED = 0, 1
_XUCRED = struct.Struct("=II")
_XUCRED_BYTES, _XUCRED_VERSION = 76, 0


class Connection(Protocol):
    """A socket, or what asyncio gives out for one."""

    def fileno(self) -> int:
        """Its descriptor; -1 when it is closed."""
        ...

    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes:
        """An option as bytes."""
        ...


def uid_of(connection: Connection) -> int | None:
    """The user at the other end; None where the system does not say: there the file's mode alone must do."""
    if sys.platform == "linux":
        import socket

        return _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))[1]
    if sys.platform == "darwin":
        return uid_in_xucred(connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, _XUCRED_BYTES))
    return None


def uid_in_xucred(raw: bytes) -> int | None:
    """The user in macOS's answer, if it has the layout that is known here."""
    version, uid = _XUCRED.unpack_from(raw)
    return uid if version == _XUCRED_VERSION else None


def gone(connection: Connection) -> bool:
    """Whether the other end takes nothing any more: closed, its process ended, or shut down in both directions.

    Who has only said that nothing more comes (`shutdown(SHUT_WR)`, as `nc -N` and socat do at the end of their
    input) still waits for its answer. The end of what can be read is the same in both cases, so it is asked for
    what can be written: Linux says POLLHUP only when both directions are shut, macOS, when asked for POLLOUT and
    nothing else, only when this one is.
    """
    if connection.fileno() < 0:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLOUT)
    return any(events & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, events in poll.poll(0))
