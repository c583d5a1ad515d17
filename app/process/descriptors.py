"""File descriptors: how many of them connections may have, and what it means when there are none left."""

import errno
import sys

MAX_OPEN_FILES = 4_096
#: These are kept for the jobs, the database, the workers' pipes and the daemon's requests.
RESERVED = 512
#: What a connection may need: its socket, a job's log and a file that is sent.
PER_CONNECTION = 4

OUT_OF_DESCRIPTORS = (errno.EMFILE, errno.ENFILE)


def allow_many() -> None:
    """Ask for more descriptors than the 256 that some systems allow a process at first."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(MAX_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def max_connections() -> int:
    """How many connections there may be at once, so that jobs have the descriptors that they need."""
    if sys.platform == "win32":
        return MAX_OPEN_FILES // PER_CONNECTION
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = MAX_OPEN_FILES if soft == resource.RLIM_INFINITY else soft
    return max(16, (allowed - RESERVED) // PER_CONNECTION)


def are_exhausted(error: OSError) -> bool:
    """Whether the process, or the whole machine, has no descriptor left. That passes; a full disk may not."""
    return error.errno in OUT_OF_DESCRIPTORS
