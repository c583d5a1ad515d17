"""`q3tts service`: what is written for launchd and systemd, and what is run for it."""

import os
import plistlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli.units import launch_agent, systemd_unit
from tests.cli.commands import Shell, saying

AWKWARD = [
    "/opt/my programs/q3tts",
    "serve",
    "--data-dir",
    """/tmp/a "b" c\\d $HOME ${X} %h 'e' é;#""",
    "--model",
    "x",
]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Programs in `programs` note what they are called with in `called`."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("Q3TTS_DATA_DIR", raising=False)
    (tmp_path / "programs").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'programs'}:/usr/bin:/bin")
    for name in ("systemctl", "launchctl"):
        program(tmp_path, name, "exit 0")
    return tmp_path


def program(home: Path, name: str, then: str) -> None:
    path = home / "programs" / name
    path.write_text(f'#!/bin/sh\necho "{name} $*" >> {home}/called\n{then}\n')
    path.chmod(0o700)


def called(home: Path) -> list[str]:
    path = home / "called"
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return lines


@pytest.fixture
def shell(home: Path) -> Shell:
    return Shell(home / "my sock")


def on(monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    monkeypatch.setattr(sys, "platform", platform)


def test_systemd_gets_a_unit_that_runs_the_daemon(
    shell: Shell, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(monkeypatch, "linux")
    path = home / ".config/systemd/user/q3tts.service"

    assert shell.ok("service", "install", "--port", "5200", "--idle-unload", "60") == f"wrote {path}\n"

    unit = path.read_text().splitlines()
    (line,) = [line for line in unit if line.startswith("ExecStart=")]
    options = f'--data-dir {home}/share/q3tts --socket "{home}/my sock" --port 5200 --idle-unload 60.0'
    assert line.endswith(f" serve {options}")
    assert "Restart=on-failure" in unit
    assert called(home) == [
        "systemctl --user daemon-reload",
        "systemctl --user enable q3tts.service",
        "systemctl --user restart q3tts.service",
    ]


def test_the_usual_socket_is_left_to_the_daemon(shell: Shell, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on(monkeypatch, "linux")

    assert "--socket" not in shell.run("service", "show", "--socket", home / ".q3tts.sock").stdout


def test_a_daemon_that_runs_already_has_to_end_first(
    shell: Shell, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(monkeypatch, "linux")
    with saying(shell.socket_path, {"status": "ok"}):
        assert "q3tts stop" in shell.fails(1, "service", "install")
    assert not (home / ".config").exists()

    shell.ok("service", "install")
    with saying(shell.socket_path, {"status": "ok"}):  # it is the service's own
        shell.ok("service", "install", "--port", "5200")


def test_a_service_is_removed_again(shell: Shell, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on(monkeypatch, "linux")
    shell.ok("service", "install")
    called(home)
    path = home / ".config/systemd/user/q3tts.service"

    assert shell.ok("service", "remove") == f"removed {path}\n"

    assert not path.exists()
    assert called(home) == ["systemctl --user disable --now q3tts.service", "systemctl --user daemon-reload"]
    assert "is not installed" in shell.fails(1, "service", "remove")


def test_launchd_gets_an_agent_that_runs_the_daemon(
    shell: Shell, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(monkeypatch, "darwin")
    path = home / "Library/LaunchAgents/org.q3tts.daemon.plist"
    domain = f"gui/{os.getuid()}"

    assert shell.ok("service", "install", "--models-dir", home / "my models") == f"wrote {path}\n"

    words = plistlib.loads(path.read_bytes())["ProgramArguments"]
    assert words[words.index("--models-dir") + 1] == str(home / "my models")
    assert words[words.index("serve") + 1] == "--data-dir"
    assert called(home) == [
        f"launchctl bootout {domain}/org.q3tts.daemon",
        f"launchctl bootstrap {domain} {path}",
    ]

    shell.ok("service", "remove")
    assert not path.exists()
    assert called(home) == [f"launchctl bootout {domain}/org.q3tts.daemon"]


def test_an_agent_that_was_not_loaded_before_is_not_a_failure(
    shell: Shell, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(monkeypatch, "darwin")
    program(home, "launchctl", '[ "$1" = bootstrap ]')

    shell.ok("service", "install")

    assert len(called(home)) == 2


def test_a_system_that_refuses_is_reported_with_its_words(
    shell: Shell, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(monkeypatch, "linux")
    program(home, "systemctl", "echo no bus >&2; exit 1")

    run = shell.run("service", "install")

    assert (run.exit_code, run.stderr) == (69, "q3tts: systemctl --user daemon-reload failed: no bus\n")


def test_without_the_systems_program_its_commands_are_told(
    shell: Shell, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(monkeypatch, "linux")
    monkeypatch.setenv("PATH", str(home / "nothing"))

    run = shell.run("service", "install")

    assert run.exit_code == 0
    assert run.stderr.splitlines() == [
        "there is no systemctl here; where there is one, run:",
        "  systemctl --user daemon-reload",
        "  systemctl --user enable q3tts.service",
        "  systemctl --user restart q3tts.service",
    ]


def test_show_prints_what_install_would_write(shell: Shell, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on(monkeypatch, "linux")
    shown = shell.run("service", "show", "--model", "espeak-ng")
    path = home / ".config/systemd/user/q3tts.service"
    assert not path.exists()

    shell.ok("service", "install", "--model", "espeak-ng")

    assert (shown.stdout, shown.stderr) == (path.read_text(), f"{path}\n")


def test_no_token_gets_into_the_file(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    on(monkeypatch, "linux")
    monkeypatch.setenv("Q3TTS_TOKEN", "a-secret-of-this-test")

    assert "a-secret" not in shell.run("service", "show").stdout
    assert shell.run("service", "show", "--token", "x").exit_code == 2


def test_a_folder_that_cannot_be_written_to_is_reported(
    shell: Shell, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(monkeypatch, "linux")
    (home / ".config").write_text("a file")

    assert "cannot be written" in shell.fails(74, "service", "install")
    assert not called(home)


def test_another_system_has_no_service_yet(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    on(monkeypatch, "freebsd14")

    for action in ("install", "remove", "show"):
        assert "no service for freebsd14" in shell.fails(69, "service", action)


def test_an_agent_keeps_every_word(home: Path) -> None:
    assert home
    assert plistlib.loads(launch_agent(AWKWARD))["ProgramArguments"] == AWKWARD


def test_a_unit_keeps_every_word() -> None:
    (line,) = [line for line in systemd_unit(AWKWARD).decode().splitlines() if line.startswith("ExecStart=")]

    assert line == (
        'ExecStart="/opt/my programs/q3tts" serve --data-dir '
        '"/tmp/a \\"b\\" c\\\\d $$HOME $${X} %%h \'e\' é;#" --model x'
    )


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_finds_no_fault_with_a_unit(tmp_path: Path) -> None:
    folder = tmp_path / "my programs"
    folder.mkdir()
    path = folder / "50% q3tts"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o700)
    unit = tmp_path / "q3tts.service"
    unit.write_bytes(systemd_unit([str(path), *AWKWARD[1:]]))

    run = subprocess.run(
        ["systemd-analyze", "verify", "--user", unit],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
    )

    assert str(unit.name) not in run.stderr
