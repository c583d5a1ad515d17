"""Takes debugging symbols out of libraries, where that leaves them whole. Wheels on Linux have libraries that were
changed after they were linked; `strip` moves parts of those, and then the system refuses to load them. Such a one
is left as it is.

It works on copies, and knows the ELF format as far as that takes.
"""

import hashlib
import shutil
import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path

#: Of PyInstaller's tables: the name in the bundle, the file that it is made of, and what it is.
Entry = tuple[str, str, str]

_LOAD = 1
_LIBRARIES = frozenset({"BINARY", "EXTENSION"})


def stripped(entries: Iterable[Entry], folder: Path) -> list[Entry]:
    """The entries, with files in `folder` in the place of those that became smaller."""
    program = shutil.which("strip")
    if program is None:
        return list(entries)
    folder.mkdir(parents=True, exist_ok=True)
    return [
        (name, str(_smaller(program, Path(source), folder)) if kind in _LIBRARIES else source, kind)
        for name, source, kind in entries
    ]


def is_loadable(library: bytes) -> bool:
    """Whether the system could map every part of it: each lies in the file, aligned as it must be in memory."""
    if library[:6] != b"\x7fELF\x02\x01":  # 64 bits, little endian
        return False
    (table,) = struct.unpack_from("<Q", library, 32)
    size, count = struct.unpack_from("<HH", library, 54)
    for number in range(count):
        kind, _, offset, address, _, stored, _, align = struct.unpack_from(
            "<IIQQQQQQ", library, table + number * size
        )
        if kind == _LOAD and (offset + stored > len(library) or (align > 1 and (offset - address) % align)):
            return False
    return True


def _smaller(program: str, source: Path, folder: Path) -> Path:
    before = source.read_bytes()
    if not is_loadable(before):
        return source
    target = folder / f"{hashlib.sha256(str(source).encode()).hexdigest()[:12]}-{source.name}"
    done = subprocess.run(
        [program, "--strip-unneeded", "-o", str(target), str(source)], capture_output=True, check=False
    )
    if done.returncode or not target.is_file():
        return source
    after = target.read_bytes()
    if len(after) >= len(before) or not is_loadable(after):
        return source
    target.chmod(0o755)
    return target
