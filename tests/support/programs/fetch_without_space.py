"""A download that prints, as a library may, and is told that the disk has a million bytes left."""

import sys
from pathlib import Path

from app.workers.download.fetch import main


def free_bytes(folder: Path) -> int:
    print("noise", flush=True)
    return 1_000_000


if __name__ == "__main__":
    repository, revision, folder = sys.argv[1:]
    sys.exit(main(repository, revision, Path(folder), free=free_bytes))
