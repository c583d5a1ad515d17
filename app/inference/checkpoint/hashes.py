"""The hashes that are recorded of a model's files, and which files differ from them.

Recorded are: in `q3tts.json` what our own download has verified; in the hub's cache the names of the blobs that the
files are links to; in `.cache/huggingface/download` what the hub has told `hf download --local-dir`
(https://huggingface.co/docs/huggingface_hub/guides/manage-cache). A file that is large on the hub goes by its
SHA-256, a small one by git's SHA-1.
"""

import hashlib
import re
from pathlib import Path
from typing import TypeAlias

from app.inference.checkpoint.folder import files_in
from app.inference.checkpoint.manifest import MANIFEST, read_manifest

#: Hexadecimal: 64 digits of a SHA-256, or 40 of git's SHA-1.
Hash: TypeAlias = str

_HASH = re.compile(r"[0-9a-f]{64}|[0-9a-f]{40}")
_PIECE = 1 << 20


def recorded_hashes(folder: Path) -> dict[str, Hash]:
    """The hashes that are known, by the relative name of the file. Raises `BrokenCheckpoint`."""
    found: dict[str, Hash] = {}
    for name in files_in(folder):
        path = folder / name
        # A line each for the commit, the ETag and the time.
        metadata = folder / ".cache" / "huggingface" / "download" / f"{name}.metadata"
        if path.is_symlink() and _HASH.fullmatch(blob := path.readlink().name):
            found[name] = blob
        elif metadata.is_file():
            etag = metadata.read_text(encoding="utf-8", errors="replace").split("\n")[1:2]
            if etag and _HASH.fullmatch(etag[0].strip()):
                found[name] = etag[0].strip()
    if (manifest := read_manifest(folder)) is not None:
        found |= {file.name: file.sha256 for file in manifest.files if _HASH.fullmatch(file.sha256)}
    found.pop(MANIFEST, None)
    return found


def damaged_files(folder: Path, recorded: dict[str, Hash]) -> list[str]:
    """The files that are not what was recorded of them, or are gone. Reads all of them; blocks."""
    return [name for name, expected in recorded.items() if _hash(folder / name, len(expected)) != expected]


def _hash(path: Path, digits: int) -> Hash | None:
    try:
        with path.open("rb") as file:
            if digits == 64:
                return hashlib.file_digest(file, "sha256").hexdigest()
            size = path.stat().st_size
            blob = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
            while piece := file.read(_PIECE):
                blob.update(piece)
            return blob.hexdigest()
    except OSError:
        return None
