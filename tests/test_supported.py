"""What `make` says first where q3tts cannot be installed, and that README and `make platforms` say the same."""

import ast
import os
import re
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from requirements import platforms, supported
from requirements.platforms import PLATFORMS, Answer
from requirements.supported import Here, obstacle

ROOT = Path(__file__).parent.parent
LINUX = Here("linux", "x86_64", (3, 12), glibc=(2, 36))
MAC = Here("darwin", "arm64", (3, 12), macos=(15, 1))


@pytest.mark.parametrize(
    "here",
    [
        LINUX,
        LINUX._replace(machine="aarch64"),
        LINUX._replace(glibc=(2, 35)),
        LINUX._replace(glibc=(3, 0)),
        LINUX._replace(python=(3, 11)),
        LINUX._replace(python=(3, 14)),
        MAC,
        MAC._replace(macos=(14, 0)),
        MAC._replace(macos=(26, 0)),
    ],
)
def test_where_everything_is_there_nothing_is_said(here: Here) -> None:
    assert obstacle(here) == ""


@pytest.mark.parametrize(
    ("here", "wrong", "right"),
    [
        (LINUX._replace(python=(3, 10)), "Python 3.10", "3.11 to 3.14"),
        (LINUX._replace(python=(3, 6)), "Python 3.6", "make PYTHON="),
        (LINUX._replace(python=(3, 15)), "Python 3.15", "3.11 to 3.14"),
        (LINUX._replace(implementation="pypy"), "pypy", "CPython"),
        (LINUX._replace(free_threaded=True), "without it", "with the GIL"),
        (LINUX._replace(bits=32), "for 32", "64 bits"),
        (LINUX._replace(makes_environments=False), "virtual environments", "apt install python3-venv"),
        (LINUX._replace(glibc=(2, 34)), "2.34", "glibc 2.35 or newer"),
        (LINUX._replace(glibc=()), "musl", "Debian"),
        (LINUX._replace(machine="riscv64"), "riscv64", "x86_64 and aarch64"),
        (MAC._replace(macos=(13, 7)), "macOS 13.7", "macOS 14 or newer"),
        (MAC._replace(machine="x86_64"), "x86_64", "Apple silicon"),
        (Here("win32", "AMD64", (3, 12)), "Windows", "WSL"),
        (Here("cygwin", "x86_64", (3, 12)), "Windows", "WSL"),
        (Here("freebsd14", "amd64", (3, 12)), "freebsd14", "Linux and macOS"),
    ],
)
def test_what_is_wrong_is_said_and_what_would_be_right(here: Here, wrong: str, right: str) -> None:
    assert wrong in obstacle(here)
    assert right in obstacle(here)


def test_a_system_that_cannot_work_is_named_before_a_python_that_cannot() -> None:
    assert "glibc" in obstacle(LINUX._replace(glibc=(2, 31), python=(3, 8)))


def test_this_system_can_work_since_these_tests_run_on_it() -> None:
    assert obstacle(supported.look()) == ""


def test_old_pythons_can_read_it() -> None:
    ast.parse(Path(supported.__file__).read_text(), feature_version=(3, 6))


def test_make_says_it_before_it_makes_anything(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text(
        f"#!{sys.executable}\nimport runpy, sys\nsys.version_info = (3, 9, 2)\n"
        "sys.argv = sys.argv[1:]\nrunpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    old.chmod(old.stat().st_mode | stat.S_IXUSR)

    made = make(tmp_path, PYTHON=str(old))

    assert made.returncode != 0
    assert made.stderr.startswith(
        "q3tts cannot be installed here: it needs Python 3.11 to 3.14, and this is Python 3.9;"
    )
    assert made.stdout == ""
    assert not (tmp_path / "venv").exists()


def test_make_says_when_there_is_no_python_at_all(tmp_path: Path) -> None:
    made = make(tmp_path, PYTHON="python3.99")

    assert made.returncode != 0
    assert made.stdout.startswith("q3tts needs Python, and there is no python3.99 here")


def make(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """`make` as if nothing were there yet; what it makes goes into the folder."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    given = [f"{name}={value}" for name, value in {**variables, "VENV": str(folder / "venv")}.items()]
    command = ["make", "--no-print-directory", *given, f"{folder}/venv/.runtime"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def test_what_is_promised_is_what_uv_is_asked() -> None:
    promised = {(platform.uv, platform.macos) for platform in PLATFORMS if platform.promised}
    glibc = "_".join(str(part) for part in supported.OLDEST_GLIBC)
    assert promised == {
        *((f"{machine}-manylinux_{glibc}", supported.OLDEST_MACOS) for machine in supported.LINUX_MACHINES),
        ("aarch64-apple-darwin", supported.OLDEST_MACOS),
    }


def test_readme_promises_what_make_asks_for() -> None:
    text = " ".join((ROOT / "README.md").read_text().split())
    oldest, newest = (".".join(map(str, one)) for one in (supported.OLDEST_PYTHON, supported.NEWEST_PYTHON))
    glibc, macos = ".".join(map(str, supported.OLDEST_GLIBC)), supported.OLDEST_MACOS[0]
    for promise in (f"Python {oldest} to {newest}", f"glibc {glibc} or newer", f"macOS {macos} or newer"):
        assert promise in text
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == f">={oldest}"


@pytest.mark.parametrize(
    ("python", "refusal", "wrong"),
    [
        ((3, 12), "", ""),
        ((3, 12), "no wheels", "is promised and does not install: no wheels"),
        (platforms.NEXT_PYTHON, "no wheels", ""),
        (platforms.NEXT_PYTHON, "", "is said not to work, and installs"),
    ],
)
def test_an_answer_that_is_not_what_users_are_told_is_wrong(
    python: tuple[int, ...], refusal: str, wrong: str
) -> None:
    answer = Answer(PLATFORMS[0], python, refusal)
    assert re.search(wrong, answer.wrong) if wrong else answer.wrong == ""


def test_a_platform_that_begins_to_work_is_noticed() -> None:
    old = next(platform for platform in PLATFORMS if not platform.promised)
    assert "said not to work" in Answer(old, (3, 12), "").wrong
    assert Answer(old, (3, 12), "no wheels").wrong == ""
