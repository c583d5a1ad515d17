"""The licences of what is in the bundle, as one folder `licenses/`: the texts that each distribution brings, and an
overview with the terms of all, also of those that bring no text. It judges nothing.
"""

import re
import sysconfig
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions
from pathlib import Path

#: Of PyInstaller's tables: the name in the bundle, the file, and what it is.
Entry = tuple[str, str, str]

_TEXT = re.compile(r"(licen[cs]e|copying|notice|authors)", re.IGNORECASE)

#: What lies in the wheels of others without being told there.
_WITHIN = """\
Libraries within these, by their makers' own words:

PyAV brings FFmpeg (LGPL 2.1 or later; this build GPL 2 or later, for it has x264 and x265), x264 and x265 (GPL 2 or
  later), LAME (LGPL 2), Opus, Vorbis, libvpx and dav1d (BSD), GnuTLS and Nettle (LGPL).
espeakng-loader brings espeak-ng and its data (GPL 3 or later).
soundfile brings libsndfile (LGPL 2.1 or later), soxr brings libsoxr (LGPL 2.1 or later).
NumPy brings OpenBLAS (BSD) and libgfortran (GPL 3 with the runtime library exception), as does MLX for LAPACK.
blas/libopenblas.so is the OpenBLAS of scipy-openblas32 (BSD), with some of its functions renamed by patchelf.
Python brings OpenSSL (Apache 2), SQLite (public domain), libffi, zlib, bzip2, xz (permissive).
"""


def entries(names: Iterable[str], root: Path, into: Path) -> list[Entry]:
    """Data entries for the distributions of these normalized names; the overview is written into `into`."""
    wanted = frozenset(names)
    found: list[Entry] = [("licenses/q3tts/LICENSE", str(root / "LICENSE"), "DATA")]
    python = Path(sysconfig.get_path("stdlib")) / "LICENSE.txt"
    if python.is_file():
        found.append(("licenses/python/LICENSE.txt", str(python), "DATA"))
    lines: list[str] = []
    for distribution in sorted(distributions(), key=lambda each: each.name.lower()):
        name = distribution.name.lower().replace("-", "_").replace(".", "_")
        if name not in wanted:
            continue
        texts = _texts(distribution)
        found += [(f"licenses/{name}/{path.name}", str(path), "DATA") for path in texts]
        lines.append(f"{distribution.name} {distribution.version}: {_terms(distribution)}")
    into.mkdir(parents=True, exist_ok=True)
    overview = into / "OVERVIEW.txt"
    overview.write_text("\n".join(lines) + "\n\n" + _WITHIN, encoding="utf-8")
    return [*found, ("licenses/OVERVIEW.txt", str(overview), "DATA")]


def _texts(distribution: Distribution) -> list[Path]:
    """Its licence files, one of each name."""
    by_name = {
        path.name: Path(str(path.locate()))
        for path in distribution.files or ()
        if _TEXT.match(path.name) and path.suffix not in (".py", ".pyc", ".so")
    }
    return [by_name[name] for name in sorted(by_name) if by_name[name].is_file()]


def _terms(distribution: Distribution) -> str:
    """In a few words, as its metadata has them."""
    known = distribution.metadata.json
    told = known.get("license_expression") or known.get("license") or ""
    if isinstance(told, str) and told and "\n" not in told:
        return told
    classifiers = known.get("classifier") or []
    classified = [line.rpartition(" :: ")[2] for line in classifiers if line.startswith("License ::")]
    return ", ".join(classified) or "not told by its metadata"
