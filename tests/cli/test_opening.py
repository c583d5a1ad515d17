"""`q3tts open`: what is given to the desktop's program, and what is said when there is nothing to open."""

import sys
from pathlib import Path

import pytest

from app.cli.engine import EngineClient
from tests.cli.commands import ENGLISH, LONG, Shell
from tests.support.waiting import wait_until


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the desktop's program leaves what it was given."""
    note = tmp_path / "opened"
    programs = tmp_path / "programs"
    programs.mkdir()
    program = programs / ("open" if sys.platform == "darwin" else "xdg-open")
    program.write_text(f'#!/bin/sh\nprintf %s "$1" > {note}\n')
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return note


def test_a_completed_jobs_file_is_opened(shell: Shell, engine: EngineClient, opened: Path) -> None:
    job_id = engine.post("/jobs", {"voice_id": ENGLISH, "text": "Shoes."})["job_id"]
    wait_until(lambda: engine.get(f"/jobs/{job_id}")["status"] == "completed")
    place = engine.data_dir / "jobs" / job_id / "audio.wav"

    assert shell.ok("open", job_id[:8]) == f"{place}\n"

    assert opened.read_text() == str(place)
    assert place.read_bytes()[:4] == b"RIFF"


def test_without_a_job_the_data_folder_is_opened(shell: Shell, engine: EngineClient, opened: Path) -> None:
    shell.ok("open")

    assert opened.read_text() == str(engine.data_dir)


def test_a_job_without_a_file_is_reported(shell: Shell, engine: EngineClient, opened: Path) -> None:
    job_id = engine.post("/jobs", {"voice_id": ENGLISH, "text": LONG})["job_id"]
    engine.post(f"/jobs/{job_id}/cancel")

    assert shell.fails(1, "open", job_id) == f"the job {job_id[:8]} has no file: it is canceled"
    assert not opened.exists()


def test_a_data_folder_that_is_not_there_is_reported(nobody: Shell, opened: Path) -> None:
    assert "no data folder yet" in nobody.fails(69, "open")
    assert not opened.exists()


def test_a_desktop_that_is_not_there_or_fails_is_reported(
    shell: Shell, engine: EngineClient, opened: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = next((opened.parent / "programs").iterdir())
    program.write_text("#!/bin/sh\necho 882: firefox: not found >&2; echo no method available >&2\nexit 3\n")
    monkeypatch.setenv("DISPLAY", ":0")
    run = shell.run("open")
    assert (run.exit_code, run.stdout) == (69, f"{engine.data_dir}\n")
    assert run.stderr == f"q3tts: {program.name} could not open it: no method available\n"
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    if sys.platform != "darwin":
        assert shell.run("open").stderr == "q3tts: xdg-open could not open it: there is no desktop here\n"

    monkeypatch.setenv("PATH", str(opened.parent))
    assert f"there is no program {program.name}" in shell.run("open").stderr
