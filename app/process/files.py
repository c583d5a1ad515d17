"""Folders on disk: what a power cut must not undo."""

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Make its names last: of files made, renamed or removed in it. Blocks."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
