"""This program again, and what is particular about one that is frozen."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.process import executable
from app.selftest import check
from tests.support.running import command


def test_from_source_nothing_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not executable.unpacked()
    assert "PYINSTALLER_RESET_ENVIRONMENT" not in executable.independent()


@pytest.mark.parametrize(
    ("folder", "single"),
    [
        ("bundle/_internal", False),
        ("temporary/_MEI1234", True),
        ("bundle/_MEI1234", True),  # a file in the temporary folder itself
        ("bundle/temporary/_MEI1234", True),
    ],
)
def test_a_single_file_is_distinguished_from_a_folder(
    folder: str, single: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path / folder), raising=False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bundle" / "qwen-tts"))

    assert executable.unpacked() is single
    assert executable.independent().get("PYINSTALLER_RESET_ENVIRONMENT") == ("1" if single else None)
    assert check.form().name == ("single file" if single else "folder")
    assert executable.program("serve") == (sys.executable, "serve")


@pytest.mark.parametrize("before", ["/opt/lib", None])
def test_other_programs_do_not_load_the_bundles_libraries(
    before: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setenv("LD_LIBRARY_PATH", "/bundle/_internal")
    monkeypatch.delenv("LD_LIBRARY_PATH_ORIG", raising=False)
    if before is not None:
        monkeypatch.setenv("LD_LIBRARY_PATH_ORIG", before)

    assert executable.outside().get("LD_LIBRARY_PATH") == before


def test_from_source_the_environment_of_other_programs_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/lib")

    assert executable.outside()["LD_LIBRARY_PATH"] == "/opt/lib"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has died")
def test_a_single_file_ends_when_what_unpacked_it_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(command("bootloader"), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        process.kill()
        lines.append(process.stdout.readline())

    assert lines == ["ready\n", "asked to end\n"]
