"""What goes into the bundle, as far as it can be told without building one."""

import json
import re
import shutil
import struct
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from app.inference.families import CARRIED
from frozen import contents, licenses, metal, sizes, stripping
from frozen.triple import target_triple
from tests.support.running import command

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = Path(sysconfig.get_path("purelib"))


@pytest.mark.parametrize(
    ("system", "machine", "libc", "triple"),
    [
        ("linux", "x86_64", "glibc", "x86_64-unknown-linux-gnu"),
        ("linux", "aarch64", "glibc", "aarch64-unknown-linux-gnu"),
        ("linux", "x86_64", "", "x86_64-unknown-linux-musl"),
        ("darwin", "arm64", "", "aarch64-apple-darwin"),
        ("darwin", "x86_64", "", "x86_64-apple-darwin"),
        ("win32", "AMD64", "", "x86_64-pc-windows-msvc"),
    ],
)
def test_a_machine_is_called_as_rust_calls_it(system: str, machine: str, libc: str, triple: str) -> None:
    assert target_triple(system, machine, libc) == triple


def test_a_machine_without_builds_is_refused() -> None:
    with pytest.raises(ValueError, match="sunos"):
        target_triple("sunos", "sparc")


@pytest.mark.skipif(shutil.which("rustc") is None, reason="there is no Rust here to ask")
def test_this_machine_is_called_as_its_rust_calls_it() -> None:
    told = subprocess.run(["rustc", "-vV"], capture_output=True, text=True, check=False)
    if told.returncode:  # rustup without a toolchain, as in a new home folder
        pytest.skip(f"this Rust does not answer: {told.stderr}")

    assert f"host: {target_triple()}\n" in told.stdout


# What stays out.


def test_models_that_are_kept_are_followed_and_the_others_are_not() -> None:
    out = contents.excluded(PACKAGES, espeak=True)

    assert "transformers.models.albert" in out
    assert "mlx_audio.tts.models.kokoro" in out
    assert "mlx_audio.codec.models.snac" in out
    for folder, kept in contents.KEPT.items():
        assert not {f"{folder}.{name}" for name in kept} & set(out)
    assert "espeakng_loader" not in out


def test_without_espeak_its_package_stays_out() -> None:
    assert "espeakng_loader" in contents.excluded(PACKAGES, espeak=False)


def test_a_model_that_moved_is_an_error_and_not_a_hole(tmp_path: Path) -> None:
    for folder in contents.KEPT:
        (tmp_path / folder.replace(".", "/") / "base").mkdir(parents=True)

    with pytest.raises(ValueError, match="out of date"):
        contents.excluded(tmp_path, espeak=True)


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("espeakng_loader/espeak-ng-data/phondata", True),
        ("mlx/lib/mlx.metallib", True),
        ("migrations/versions/0001_voices_jobs_chunks_artifacts.py", True),
        ("transformers/models/qwen2/__init__.py", True),
        ("mlx/include/mlx/array.h", False),
        ("mlx_audio/stt/tests/test_models.py", False),
        ("numpy/typing/__init__.pyi", False),
    ],
)
def test_what_nobody_opens_is_left_out(path: str, kept: bool) -> None:
    assert contents.is_read_from_disk(path) is kept


def test_sound_libraries_are_the_systems_own() -> None:
    assert contents.is_of_the_system("libasound.so.2")
    assert contents.is_of_the_system("libportaudio.so.2")
    assert not contents.is_of_the_system("av.libs/libasound-c7818c60.so.2.0.0")
    assert not contents.is_of_the_system("libportaudio.dylib")


def test_metadata_of_what_is_not_there_is_left_out() -> None:
    there = contents.present(
        ["yaml.loader", "numpy/_core/_multiarray.so"], {"yaml": ["PyYAML"], "numpy": ["numpy"]}
    )

    assert not contents.is_metadata_of_others("PyYAML-6.0.3.dist-info/METADATA", there)
    assert not contents.is_metadata_of_others("numpy-2.4.6.dist-info/METADATA", there)
    assert contents.is_metadata_of_others("scipy-1.17.1.dist-info/METADATA", there)
    assert not contents.is_metadata_of_others("migrations/env.py", there)


def test_whatever_is_named_exists() -> None:
    modules = [*contents.BY_NAME, *contents.WHOLE]

    found = {name: _is_there(name) for name in modules}

    assert [name for name, there in found.items() if not there] == []


def _is_there(module: str) -> bool:
    path = module.replace(".", "/")
    places = [root / path for root in (PACKAGES, Path(__file__).parents[1], Path(sysconfig.get_path("stdlib")))]
    return any(place.with_suffix(".py").is_file() or place.is_dir() for place in places)


# The runtime hook.


def test_codecs_are_imported_one_by_one(tmp_path: Path) -> None:
    """Each of mlx-audio's codecs would be imported with the first, and SciPy with them."""
    hook = Path(__file__).parents[1] / "frozen" / "runtime.py"

    importing = command("bundled_codec", PACKAGES, hook)
    done = subprocess.run(importing, capture_output=True, text=True, check=True)

    assert json.loads(done.stdout) == []


# Stripping.


def library(*parts: tuple[int, int, int, int], size: int = 0x4000) -> bytes:
    """An ELF file with loads of these offsets, addresses, sizes and alignments."""
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, len(parts), 0, 0, 0)
    loads = (struct.pack("<IIQQQQQQ", 1, 5, offset, at, at, room, room, align) for offset, at, room, align in parts)
    return (head + b"".join(loads)).ljust(size, b"\0")


def test_a_library_is_loadable_when_its_parts_lie_as_they_will_in_memory() -> None:
    assert stripping.is_loadable(library((0, 0, 0x1000, 0x1000), (0x1000, 0x5000, 0x1000, 0x1000)))
    assert not stripping.is_loadable(library((0x1010, 0x5000, 0x1000, 0x1000)))
    assert not stripping.is_loadable(library((0x1000, 0x5000, 0x9000, 0x1000)))
    assert not stripping.is_loadable(b"#!/bin/sh")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux's libraries are stripped")
def test_libraries_stay_loadable_and_only_libraries_are_touched(tmp_path: Path) -> None:
    libraries = [path for folder in ("numpy.libs", "greenlet") for path in (PACKAGES / folder).glob("*.so*")]
    entries = [(path.name, str(path), "BINARY") for path in libraries]
    entries += [("text", __file__, "DATA"), ("script", __file__, "BINARY")]

    after = stripping.stripped(entries, tmp_path / "stripped")

    assert [name for name, _, _ in after] == [name for name, _, _ in entries]
    assert after[-2:] == entries[-2:]
    for (_, source, kind), (_, target, _) in zip(entries, after, strict=True):
        assert kind == "DATA" or source == __file__ or stripping.is_loadable(Path(target).read_bytes())
        assert Path(target).stat().st_size <= Path(source).stat().st_size


# macOS.


def test_the_metal_library_is_beside_every_copy_of_libmlx() -> None:
    binaries = [
        ("mlx/lib/libmlx.dylib", "/m/libmlx.dylib", "BINARY"),
        ("libmlx.dylib", "mlx/lib/libmlx.dylib", "SYMLINK"),
    ]
    datas = [("mlx/lib/mlx.metallib", "/m/mlx.metallib", "DATA")]

    assert metal.beside_each_library(binaries, datas) == [("mlx.metallib", "/m/mlx.metallib", "DATA")]
    assert metal.beside_each_library([], []) == []
    with pytest.raises(ValueError, match="install mlx again"):
        metal.beside_each_library(binaries, [])


def test_a_staged_folder_has_no_links_and_no_frameworks(tmp_path: Path) -> None:
    inside = tmp_path / "qwen-tts" / "_internal"
    (inside / "mlx" / "lib").mkdir(parents=True)
    (inside / "mlx" / "lib" / "libmlx.dylib").write_bytes(b"code")
    (inside / "mlx" / "lib" / "mlx.metallib").write_bytes(b"kernels")
    (inside / "libmlx.dylib").symlink_to("mlx/lib/libmlx.dylib")
    (inside / "Python.framework").mkdir()
    (inside / "Python.framework" / "Python").write_bytes(b"Python")
    (inside / "Python").symlink_to("Python.framework/Python")

    staged = metal.staged(tmp_path / "qwen-tts", tmp_path / "staged") / "_internal"

    assert not [path for path in staged.rglob("*") if path.is_symlink()]
    assert (staged / "Python").read_bytes() == b"Python"
    assert not (staged / "Python.framework").exists()
    assert (staged / "libmlx.dylib").read_bytes() == b"code"
    assert (staged / "mlx.metallib").read_bytes() == b"kernels"


# Sizes.


def test_bytes_are_counted_for_the_package_that_they_are_of(tmp_path: Path) -> None:
    folder = tmp_path / "qwen-tts"
    for name, size in {
        "qwen-tts": 10,
        "_internal/numpy.libs/libopenblas.so": 700_000,
        "_internal/numpy-2.4.6.dist-info/METADATA": 300_000,
        "_internal/blas/libopenblas.so": 11,
        "_internal/libcrypto.so.3": 5,
        "_internal/libpython3.11.so.1.0": 7,
        "_internal/migrations/env.py": 3,
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(bytes(size))
    listing: dict[str, Any] = {
        "pure": [["app.cli.main", str(Path(__file__).parents[1] / "app" / "cli" / "main.py"), "PYMODULE"]]
    }

    made = sizes.measure(folder, None, listing)

    assert made["folder_bytes"] == 1_000_036
    assert made["packages"]["numpy"]["file_bytes"] == 1_000_000
    assert made["packages"]["scipy_openblas32"]["file_bytes"] == 11
    assert made["packages"][sizes.SYSTEM]["file_bytes"] == 5
    assert made["packages"][sizes.PYTHON]["file_bytes"] == 7
    assert made["packages"][sizes.OWN]["file_bytes"] == 3
    assert made["packages"][sizes.OWN]["code_bytes"] > 0
    assert any(line.startswith("numpy") for line in sizes.table(made))
    json.dumps(made)


# Licences.


def test_every_distribution_has_its_terms_and_most_have_their_text(tmp_path: Path) -> None:
    names = frozenset({"numpy", "av", "espeakng_loader", "mlx_audio", "sqlalchemy", "msgspec", "nothing"})

    made = {name: Path(source) for name, source, _ in licenses.entries(names, ROOT, tmp_path)}

    assert all(path.is_file() for path in made.values())
    assert "MIT" in made["licenses/q3tts/LICENSE"].read_text(encoding="utf-8")
    overview = made["licenses/OVERVIEW.txt"].read_text(encoding="utf-8")
    for name in ("numpy", "av", "espeakng-loader", "mlx-audio", "SQLAlchemy", "msgspec"):
        assert re.search(rf"^{name} [\d.]+\S*: \S", overview, re.MULTILINE | re.IGNORECASE), name
    assert "nothing" not in overview
    assert {name.split("/")[1] for name in made} >= {"numpy", "av", "sqlalchemy", "msgspec", "python"}


def test_the_models_that_are_carried_are_those_that_the_engine_says_it_can_load() -> None:
    for task, families in CARRIED.items():
        listed = [name for name in contents.BY_NAME if name.startswith(f"mlx_audio.{task}.models.")]
        assert {name.rpartition(".")[2] for name in listed} == families


def test_where_mlx_audio_is_not_installed_nothing_of_it_is_left_out(tmp_path: Path) -> None:
    names = contents.excluded(tmp_path, espeak=True)

    assert "torch" in names
    assert not [name for name in names if name.startswith("mlx_audio.tts.models.")]
