"""Reads two recordings without the rights of root, and prints what is wrong with the second."""

import os
import sys

from app.audio.recordings.reference import from_path
from app.errors import InvalidAudio


def main(readable: str, unreadable: str) -> None:
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    from_path(readable)
    try:
        from_path(unreadable)
    except InvalidAudio as error:
        print(error.message)


if __name__ == "__main__":
    main(*sys.argv[1:])
