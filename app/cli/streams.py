"""Standard output and error, when they cannot take everything: a terminal of another encoding, a full disk."""

import errno
import io
import os
import sys
from contextlib import suppress

#: What writing to standard output fails with when nobody can help it. A closed pipe is click's affair.
UNWRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})


def prepare_streams() -> None:
    """Write ? for what an encoding does not have, instead of failing in the middle of a table; and where a stream
    was closed by whoever started the command, have one that takes everything.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:  # the lowest free descriptor is the missing one: no file or socket gets its number
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, closefd=False))
        elif mode == "w" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def abandon_output() -> None:
    """Drop what standard output has not taken, so that it is not tried again when the interpreter ends."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
