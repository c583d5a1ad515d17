"""Sees, as `pip check` does, that every installed package has what it asks for. What pyproject.toml leaves out on
this platform may be missing, and nothing else.
"""

import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).parent.parent / "pyproject.toml"


def left_out(environment: dict[str, str] | None = None) -> frozenset[str]:
    """What pyproject.toml leaves out on this platform, or on another."""
    overrides = tomllib.loads(PROJECT.read_text())["tool"]["uv"]["override-dependencies"]
    asked = [Requirement(line) for line in overrides]
    return frozenset(
        canonicalize_name(one.name) for one in asked if one.marker and not one.marker.evaluate(environment)
    )


def complaints(report: str, missing: frozenset[str]) -> list[str]:
    """The lines of pip's report, less those about packages that are missing on purpose."""
    expected = tuple(f" requires {name}, which is not installed." for name in missing)
    return [line for line in report.splitlines() if not line.endswith(expected)]


if __name__ == "__main__":
    command = (sys.executable, "-m", "pip", "--disable-pip-version-check", "check")
    checked = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if checked.returncode and (found := complaints(checked.stdout, left_out())):
        sys.exit("\n".join([*found, "`make clean` and the same command again make the environment anew"]))
