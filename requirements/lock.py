"""Pins every dependency for all platforms and Pythons: versions and hashes, and no address of any registry.

A pin stays as it is while it satisfies what pyproject.toml asks for; `--upgrade` takes the newest of everything,
`--upgrade-package=NAME` the newest of one.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
RUNTIME, DEV = HERE / "runtime.txt", HERE / "dev.txt"

OPTIONS = (
    "--quiet",
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-header",
    "--no-annotate",
)


def lock(name: str, *what: str) -> None:
    """Write `requirements/<name>.txt`."""
    uv = (sys.executable, "-m", "uv", "pip", "compile")
    subprocess.run([*uv, *what, *OPTIONS, f"--output-file={HERE / name}.txt"], check=True, cwd=HERE.parent)


if __name__ == "__main__":
    asked = sys.argv[1:]
    lock("runtime", "pyproject.toml", *asked)
    for group in ("build", "bundle", "dev"):
        lock(group, f"--group={group}", f"--constraint={RUNTIME}", *asked)
    lock("programs", "--group=programs", *asked)  # in an environment of their own
    lock("contract", "--group=contract", f"--constraint={RUNTIME}", f"--constraint={DEV}", *asked)
