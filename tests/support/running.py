"""Processes of their own for tests: the modules under `tests/support/programs`, each started with `-m`."""

import subprocess
import sys


def command(name: str, *arguments: object) -> tuple[str, ...]:
    """How a program of the tests is started. It finds its modules by the installation, whatever its folder is."""
    return (sys.executable, "-P", "-m", f"tests.support.programs.{name}", *map(str, arguments))


def modules_loaded_by(*modules: str) -> set[str]:
    """The names of all modules that a fresh interpreter has loaded once it has imported these."""
    run = subprocess.run(command("imported", *modules), capture_output=True, text=True, check=True)
    return set(run.stdout.split())
