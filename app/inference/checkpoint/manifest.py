"""`q3tts.json`, which a download writes beside a model's files when all of them are there: where they come from,
and the hash of each. The download's process writes it; the engine reads it.
"""

from pathlib import Path

import msgspec
from msgspec import Struct

#: Its name. It is the engine's own, so no repository's file of this name is taken.
MANIFEST = "q3tts.json"


class ManifestFile(Struct, frozen=True):
    """A file that was found to be right."""

    name: str
    size: int
    sha256: str


class Manifest(Struct, frozen=True):
    """What `q3tts.json` says."""

    repository: str
    revision: str
    files: list[ManifestFile]


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest in a model's folder; None if there is none that can be read."""
    try:
        return msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
