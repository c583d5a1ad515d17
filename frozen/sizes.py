"""How large a bundle is, and whose bytes they are: for each package its files in the folder and its code in the
archive, as PyInstaller's own tables tell them. It reads what was built, and changes nothing.
"""

import marshal
import re
import zlib
from collections import defaultdict
from collections.abc import Mapping
from importlib.metadata import packages_distributions, version
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

#: Folders that belong to a package of another name: the libraries that a wheel brings.
_LIBRARIES = re.compile(r"^(?P<package>\w+)\.libs$")
_OTHERS = {
    "_soundfile_data": "soundfile",
    "mlx_cpu": "mlx",
    "blas": "scipy_openblas32",
    "_sounddevice_data": "sounddevice",
    "yaml": "yaml",
}

#: What is of no package.
PYTHON, SYSTEM, OWN = "Python", "libraries of the system", "q3tts"


def measure(folder: Path | None, file: Path | None, listing: dict[str, list[list[str]]]) -> dict[str, Any]:
    """The sizes of both forms in bytes, and of each package: its files, and its code compressed in the archive."""
    owners = packages_distributions()
    files: dict[str, int] = defaultdict(int)
    code: dict[str, int] = defaultdict(int)
    if folder is not None:
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink() and path.parent != folder:
                files[_owner(path.relative_to(folder / "_internal").as_posix(), owners)] += path.stat().st_size
    for name, source, _ in listing["pure"]:
        code[_owner(name.replace(".", "/") + "/", owners)] += _compressed(source)
    packages = {
        name: {"version": _version(name, owners), "file_bytes": files[name], "code_bytes": code[name]}
        for name in {*files, *code}
    }
    return {
        "folder_bytes": 0 if folder is None else _bytes_in(folder),
        "file_bytes": 0 if file is None else file.stat().st_size,
        "packages": dict(sorted(packages.items(), key=lambda item: -sum(_bytes_of(item[1])))),
    }


def table(made: dict[str, Any], *, least: int = 500_000) -> list[str]:
    """As lines, the largest first; what is smaller than `least` bytes is told together."""
    lines = [f"{'package':<26}{'version':<12}{'files MB':>10}{'code MB':>10}"]
    rest = [0, 0]
    for name, package in made["packages"].items():
        sizes = _bytes_of(package)
        if sum(sizes) < least:
            rest = [rest[0] + sizes[0], rest[1] + sizes[1]]
            continue
        lines.append(f"{name:<26}{package['version']:<12}{sizes[0] / 1e6:>10.1f}{sizes[1] / 1e6:>10.1f}")
    lines.append(f"{'all others':<38}{rest[0] / 1e6:>10.1f}{rest[1] / 1e6:>10.1f}")
    for what, size in (("the folder", made["folder_bytes"]), ("the single file", made["file_bytes"])):
        if size:
            lines.append(f"{what:<38}{size / 1e6:>10.1f}")
    return lines


def _bytes_of(package: dict[str, Any]) -> tuple[int, int]:
    return int(package["file_bytes"]), int(package["code_bytes"])


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _owner(path: str, owners: Mapping[str, list[str]]) -> str:
    """Whose a path below the bundle's folder, or a module's, is."""
    top = path.partition("/")[0]
    bare = top.partition(".")[0] if "/" not in path else top
    if library := _LIBRARIES.match(top):
        bare = library["package"]
    if dist := re.match(r"(.+?)-[\d.]+\.dist-info$", top):
        bare = dist[1].lower().replace("-", "_")
    bare = _OTHERS.get(bare, bare)
    if bare in ("app", "migrations"):
        return OWN
    if bare in owners or bare in {name.lower().replace("-", "_") for names in owners.values() for name in names}:
        return bare
    if "/" not in path and re.search(r"\.(so|dylib|dll)(\.|$)", top) and not top.startswith("libpython"):
        return SYSTEM
    return PYTHON


def _version(name: str, owners: Mapping[str, list[str]]) -> str:
    try:
        return version(owners.get(name, [name])[0])
    except (ModuleNotFoundError, ValueError):
        return ""


def _compressed(source: str) -> int:
    """About what a module takes in the archive, which has each of them compressed by itself."""
    path = Path(source or "-")
    if path.suffix != ".py" or not path.is_file():
        return 0
    cached = Path(cache_from_source(str(path)))
    if cached.is_file():
        return len(zlib.compress(cached.read_bytes()[16:]))
    return len(zlib.compress(marshal.dumps(compile(path.read_bytes(), str(path), "exec"))))
