"""Pins every dependency for all platforms and Pythons: versions and hashes, and no address of any registry."""

import subprocess
from pathlib import Path

HERE = Path(__file__).parent
RUNTIME = HERE / "runtime.txt"

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
    target = HERE / f"{name}.txt"
    subprocess.run(
        ["uv", "pip", "compile", *what, *OPTIONS, f"--output-file={target}"], check=True, cwd=HERE.parent
    )


if __name__ == "__main__":
    lock("runtime", "pyproject.toml")
    for group in ("build", "bundle", "dev"):
        lock(group, f"--group={group}", f"--constraint={RUNTIME}")
