"""A private folder: what the engine needs before anything else."""

import shutil

from app.selftest.check import Place, Wrong, private

#: Of room on the disk, for the self-test alone.
MIN_BYTES = 64 << 20


def look(here: Place) -> str:
    """The mode of the folder, and the room in it."""
    if not private(here.folder):
        raise Wrong(
            f"{here.folder} is open to other users though it was made for one",
            "set TMPDIR to a folder on a disk that knows permissions",
        )
    path = here.folder / "written"
    path.write_bytes(b"q3tts" * 1000)
    if path.read_bytes() != b"q3tts" * 1000:
        raise Wrong(f"what is written to {here.folder} is not what is read", "look after the disk")
    path.unlink()
    free = shutil.disk_usage(here.folder).free
    if free < MIN_BYTES:
        raise Wrong(f"{here.folder} has {free / 1e6:.0f} MB of room, and 64 are needed", "make room")
    return f"private, {free / 1e9:.1f} GB free"
