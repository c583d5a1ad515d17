"""The locks: complete, at one with each other, and installed without resolving anything."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from requirements import check
from requirements.platforms import PROMISED_PYTHONS

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ("runtime", "build", "bundle", "dev", "contract")
APART = ("programs",)  # installed in an environment of their own

Environment = dict[str, str]


class Pin(NamedTuple):
    name: str
    version: str
    marker: str
    hashes: int


@cache
def pins_of(lock: str) -> tuple[Pin, ...]:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    lines = text.replace("\\\n", " ").splitlines()
    return tuple(_pin(line) for line in lines if line.strip() and not line.startswith("#"))


def _pin(line: str) -> Pin:
    asked, *hashes = line.split(" --hash=")
    name, version, marker = re.fullmatch(r"([\w.-]+)==([\w.!+-]+)(?: ; (.*))?", asked.strip()).groups("")  # type: ignore[union-attr]
    return Pin(name, version, marker, len(hashes))


def pinned(lock: str, environment: Environment) -> dict[str, str]:
    return {pin.name: pin.version for pin in pins_of(lock) if _holds(pin.marker, environment)}


def _holds(marker: str, environment: Environment, extra: str = "") -> bool:
    return not marker or Marker(marker).evaluate({**environment, "extra": extra})


def roots(lock: str) -> list[Requirement]:
    """What a lock was made for."""
    if lock == "runtime":
        return [Requirement(line) for line in PROJECT["project"]["dependencies"]]
    return [Requirement(line) for line in PROJECT["dependency-groups"][lock]]


def missing(lock: str, environment: Environment) -> Iterator[str]:
    """What is asked for and not pinned. What a distribution asks for is known of those that are installed here in
    the pinned version; `make platforms` asks uv about the others.
    """
    given, left_out = pinned(lock, environment), check.left_out(environment)
    queue, seen = [("pyproject.toml", one) for one in roots(lock)], set[tuple[str, frozenset[str]]]()
    while queue:
        asker, asked = queue.pop()
        name = canonicalize_name(asked.name)
        if name in left_out or (asked.marker and not asked.marker.evaluate(environment)):
            continue
        version = given.get(name)
        if version is None or not asked.specifier.contains(version, prereleases=True):
            yield f"{asker} asks for {asked}, the lock has {version}"
            continue
        key = (name, frozenset(asked.extras))
        if key not in seen:
            seen.add(key)
            queue += [(f"{name} {version}", one) for one in _asked_by(name, version, asked.extras, environment)]


def _asked_by(name: str, version: str, extras: set[str], environment: Environment) -> Iterator[Requirement]:
    for asked, marker in _requires(name, version):
        if marker is None or any(marker.evaluate({**environment, "extra": extra}) for extra in ("", *extras)):
            yield asked


@cache
def _requires(name: str, version: str) -> tuple[tuple[Requirement, Marker | None], ...]:
    """What it asks for, and where: each apart from its marker."""
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return ()
    return tuple(_apart(Requirement(line)) for line in found.requires or ()) if found.version == version else ()


def _apart(asked: Requirement) -> tuple[Requirement, Marker | None]:
    marker, asked.marker = asked.marker, None
    return asked, marker


def environment_of(system: str, machine: str, python: tuple[int, ...]) -> Environment:
    short = ".".join(str(part) for part in python)
    return {
        **{str(name): str(value) for name, value in default_environment().items()},
        "sys_platform": system,
        "platform_system": system.title(),
        "platform_machine": machine,
        "python_version": short,
        "python_full_version": f"{short}.0",
        "implementation_version": f"{short}.0",
        "extra": "",
    }


PLATFORMS = (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"))
ENVIRONMENTS = [environment_of(*platform, python) for platform in PLATFORMS for python in PROMISED_PYTHONS]


@pytest.fixture(
    params=ENVIRONMENTS,
    ids=lambda one: "-".join((one["sys_platform"], one["platform_machine"], one["python_version"])),
)
def environment(request: pytest.FixtureRequest) -> Environment:
    return request.param


def test_no_lock_is_left_out() -> None:
    assert {f"{lock}.txt" for lock in LOCKS + APART} == {
        path.name for path in (ROOT / "requirements").glob("*.txt")
    }


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_all_that_its_packages_ask_for(lock: str, environment: Environment) -> None:
    assert list(missing(lock, environment)) == []


@pytest.mark.parametrize("lock", ["runtime", "build", "dev"])
def test_what_is_installed_is_what_is_pinned_so_that_all_it_asks_for_is_known(lock: str) -> None:
    here = {str(name): str(value) for name, value in default_environment().items()}
    installed = {str(canonicalize_name(one.name)): one.version for one in metadata.distributions()}
    assert {name: installed.get(name) for name in pinned(lock, here)} == pinned(lock, here)


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_one_version_of_a_package_on_each_platform(lock: str, environment: Environment) -> None:
    names = [pin.name for pin in pins_of(lock) if _holds(pin.marker, environment)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("one", "other"), list(combinations(LOCKS, 2)))
def test_locks_agree_on_what_both_have(one: str, other: str, environment: Environment) -> None:
    first, second = pinned(one, environment), pinned(other, environment)
    assert {name: first[name] for name in first.keys() & second} == {
        name: second[name] for name in first.keys() & second
    }


@pytest.mark.parametrize("lock", LOCKS + APART)
def test_every_pin_has_a_hash_and_no_lock_an_address(lock: str) -> None:
    assert all(pin.hashes for pin in pins_of(lock))
    assert "://" not in (ROOT / "requirements" / f"{lock}.txt").read_text()


def test_what_is_left_out_is_left_out_where_it_has_no_wheels_and_nowhere_else(environment: Environment) -> None:
    arm = environment["platform_machine"] == "aarch64"
    assert check.left_out(environment) == ({"miniaudio"} if arm else set())
    assert ("miniaudio" in pinned("runtime", environment)) is not arm


def test_the_check_passes_over_what_is_left_out_and_nothing_else() -> None:
    report = (
        "mlx-audio 0.6.2 requires miniaudio, which is not installed.\n"
        "mlx-audio 0.6.2 has requirement miniaudio>=1.71, but you have miniaudio 1.0.\n"
        "transformers 5.23 requires jinja2, which is not installed.\n"
    )
    lines = report.splitlines()
    assert check.complaints(report, frozenset({"miniaudio"})) == lines[1:]
    assert check.complaints(report, frozenset()) == lines


def test_this_environment_is_complete() -> None:
    checked = subprocess.run([sys.executable, check.__file__], capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")


def commands_of_make() -> list[str]:
    """What make would do if nothing were there yet."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    targets = (
        ".venv/.runtime",
        ".venv/.dev",
        ".venv/.bundle",
        ".venv/.contract",
        ".cache/programs/.python",
        "lock",
    )
    asked = subprocess.run(
        ["make", "--dry-run", "--always-make", *targets],
        cwd=ROOT,
        env=clean,
        capture_output=True,
        text=True,
        check=True,
    )
    return asked.stdout.replace("\\\n", " ").splitlines()


def test_make_installs_without_resolving_and_checks_what_it_has() -> None:
    commands = commands_of_make()
    installs = [line for line in commands if re.search(r"\bpip\b.* install ", line)]
    assert len(installs) == 6
    assert all("--no-deps" in line for line in installs)
    assert all("--require-hashes" in line for line in installs if "--editable" not in line)
    for lock in ("build", "dev", "bundle", "contract"):
        install = next(place for place, line in enumerate(commands) if f"requirements/{lock}.txt" in line)
        stamp = next(place for place in range(install, len(commands)) if commands[place].startswith("touch "))
        assert any("requirements/check.py" in line for line in commands[install:stamp])


@pytest.mark.parametrize(
    "path",
    [
        ".ci/run",
        "README.md",
        *(f".github/workflows/{name}" for name in os.listdir(ROOT / ".github/workflows")),
        *(f"docs/{name}" for name in sorted(os.listdir(ROOT / "docs")) if name.endswith(".md")),
    ],
)
def test_nothing_else_tells_pip_to_use_a_lock_and_resolve(path: str) -> None:
    text = (ROOT / path).read_text().replace("\\\n", " ")
    told = [line for line in text.splitlines() if "--require-hashes" in line or re.search("-r requirements/", line)]
    assert [line for line in told if "--no-deps" not in line] == []
