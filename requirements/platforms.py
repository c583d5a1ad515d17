"""Asks uv on which platforms the locks install without a compiler, and holds it against what is promised.

It installs nothing, and downloads no more than what packages say of themselves. A promise that does not hold is an
error, and so is a platform that begins to work: then requirements/supported.py and the README are to say so.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

from requirements.supported import NEWEST_PYTHON, OLDEST_GLIBC, OLDEST_MACOS, OLDEST_PYTHON, Version

HERE = Path(__file__).parent
LOCKS = ("runtime", "build", "dev", "bundle", "contract")
PROMISED_PYTHONS = [(3, minor) for minor in range(OLDEST_PYTHON[1], NEWEST_PYTHON[1] + 1)]
NEXT_PYTHON = (3, NEWEST_PYTHON[1] + 1)
OLDER_GLIBC = (OLDEST_GLIBC[0], OLDEST_GLIBC[1] - 1)
OLDER_MACOS = (OLDEST_MACOS[0] - 1, 0)


class Platform(NamedTuple):
    """A system as uv names it; macOS has its version beside."""

    name: str
    uv: str
    promised: bool
    macos: Version = OLDEST_MACOS


def _linux(machine: str, glibc: Version, *, promised: bool) -> Platform:
    major, minor = glibc
    return Platform(f"Linux {machine}, glibc {major}.{minor}", f"{machine}-manylinux_{major}_{minor}", promised)


def _mac(version: Version, *, promised: bool) -> Platform:
    return Platform(f"macOS {version[0]}, Apple silicon", "aarch64-apple-darwin", promised, version)


PLATFORMS = (
    _linux("x86_64", OLDEST_GLIBC, promised=True),
    _linux("aarch64", OLDEST_GLIBC, promised=True),
    _mac(OLDEST_MACOS, promised=True),
    _linux("x86_64", OLDER_GLIBC, promised=False),
    _linux("aarch64", OLDER_GLIBC, promised=False),
    _mac(OLDER_MACOS, promised=False),
    Platform("Linux x86_64, musl", "x86_64-unknown-linux-musl", promised=False),
)


class Answer(NamedTuple):
    """What uv says of one platform and Python: nothing, or why not."""

    platform: Platform
    python: Version
    refusal: str

    @property
    def promised(self) -> bool:
        """Whether users are told that it works."""
        return self.platform.promised and self.python <= NEWEST_PYTHON

    @property
    def wrong(self) -> str:
        """How this differs from what users are told."""
        where = f"{self.platform.name}, Python {_dotted(self.python)}"
        if self.promised and self.refusal:
            return f"{where} is promised and does not install: {self.refusal}"
        if not self.promised and not self.refusal:
            return f"{where} is said not to work, and installs: see requirements/supported.py and the README"
        return ""


def answers() -> Iterator[Answer]:
    """What uv says of each platform and Python."""
    for platform, python in product(PLATFORMS, (*PROMISED_PYTHONS, NEXT_PYTHON)):
        # As `make` installs; and where that works, with what the packages ask for, all of which must be pinned.
        refusal = _refusal(platform, python, "--no-deps") or _refusal(platform, python)
        yield Answer(platform, python, refusal)


def _refusal(platform: Platform, python: Version, *options: str) -> str:
    with tempfile.TemporaryDirectory() as target:
        command = [
            *(
                sys.executable,
                "-m",
                "uv",
                "pip",
                "install",
                "--quiet",
                "--dry-run",
                "--no-build",
                "--require-hashes",
            ),
            *(f"--python-platform={platform.uv}", f"--python-version={_dotted(python)}", f"--target={target}"),
            *options,
            *(f"--requirements={HERE / lock}.txt" for lock in LOCKS),
        ]
        deployment = {"MACOSX_DEPLOYMENT_TARGET": _dotted(platform.macos)}
        asked = subprocess.run(
            command, env=os.environ | deployment, cwd=HERE.parent, stderr=subprocess.PIPE, text=True
        )
    if asked.returncode == 0:
        return ""
    if asked.returncode == 1 and ("No solution found" in asked.stderr or "Hash-checking" in asked.stderr):
        return " ".join(asked.stderr.partition("hint:")[0].split())
    raise SystemExit(f"uv could not answer for {platform.name}:\n{asked.stderr}")


def _dotted(version: Version) -> str:
    return ".".join(str(part) for part in version)


def main() -> int:
    """Show a table, and what is wrong with it."""
    pythons = (*PROMISED_PYTHONS, NEXT_PYTHON)
    print(f"{'installs on':30}" + "".join(f"{_dotted(python):>6}" for python in pythons))
    wrong: list[str] = []
    for answer in answers():
        if answer.python == pythons[0]:
            print(f"{answer.platform.name:30}", end="")
        end = "\n" if answer.python == pythons[-1] else ""
        print(f"{'no' if answer.refusal else 'yes':>6}", end=end, flush=True)
        if answer.wrong:
            wrong.append(answer.wrong)
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
