"""Asks a running engine what its OpenAPI document allows, and what it forbids, with Schemathesis: `make contract`.

The engine is a real one on a socket, with the embedded voice; its answers must be those that the document tells.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.sidecar import TOKEN, sidecar

#: A route whose success is up to the hub.
AWAY = ("downloadModel",)

OPTIONS = (
    "--checks=all",
    "--exclude-checks=positive_data_acceptance",  # that a path leads to a recording is more than a schema says
    "--phases=examples,coverage,fuzzing",
    "--max-examples=40",
    "--seed=1",
    "--continue-on-failure",
    "--request-timeout=30",
    "--warnings=off",
    "--suppress-health-check=all",
    *(f"--exclude-operation-id={name}" for name in AWAY),
)


def main() -> int:
    """Run it; the exit code of Schemathesis."""
    with tempfile.TemporaryDirectory() as folder, sidecar(Path(folder) / "data") as engine:
        port = engine.ready()["port"]
        command = (
            *(
                str(Path(sys.executable).with_name("schemathesis")),
                "run",
                f"http://127.0.0.1:{port}/v1/openapi.json",
            ),
            *("--header", f"Authorization: Bearer {TOKEN}"),
            *OPTIONS,
            *sys.argv[1:],
        )
        environment = {
            **os.environ,
            "NO_PROXY": "127.0.0.1",
            "HYPOTHESIS_STORAGE_DIRECTORY": f"{folder}/hypothesis",
        }
        return subprocess.run(command, check=False, cwd=folder, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
