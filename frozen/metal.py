"""What macOS wants of a bundle: MLX's Metal library beside every copy of libmlx, and a tree without symbolic links
for an app that carries it.

MLX looks for `mlx.metallib` beside the library that its code is in. PyInstaller puts a link to libmlx at the top of
the folder, and a copy that follows links makes a second library of it.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path

_LIBRARY, _KERNELS = "libmlx.dylib", "mlx.metallib"

#: Of PyInstaller's tables: the name in the bundle, the file that it is made of, and what it is.
Entry = tuple[str, str, str]


def beside_each_library(binaries: Iterable[Entry], datas: Iterable[Entry]) -> list[Entry]:
    """The entries that are missing in `datas`: the kernels, beside every libmlx that has none."""
    known = list(datas)
    places = {Path(name) for name, _, _ in known}
    source = next((path for name, path, _ in known if Path(name).name == _KERNELS and path), None)
    wanted = {Path(name).with_name(_KERNELS) for name, _, _ in [*binaries, *known] if Path(name).name == _LIBRARY}
    if wanted and source is None:
        raise ValueError(f"{_LIBRARY} is in the bundle and {_KERNELS} is not; install mlx again")
    return [(str(path), source or "", "DATA") for path in sorted(wanted - places)]


def staged(folder: Path, target: Path) -> Path:
    """A copy in which every link is what it leads to, and no framework is left: bundlers flatten links, and then
    a framework's signature does not hold. The program loads `_internal/Python` instead.
    """
    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(folder, target, symlinks=False)
    for framework in sorted(target.rglob("*.framework")):
        shutil.rmtree(framework)
    for library in target.rglob(_LIBRARY):
        kernels = library.with_name(_KERNELS)
        if not kernels.exists():
            shutil.copy2(next(target.rglob(_KERNELS)), kernels)
    left = [path for path in target.rglob("*") if path.is_symlink()]
    if left:
        raise ValueError(f"{left[0]} is still a symbolic link")
    return target
