"""This program again, for another purpose: from source, installed or frozen."""

import sys


def program(*arguments: str) -> tuple[str, ...]:
    """A command line. Python is told not to look for `app` in the current folder."""
    command = (sys.executable,) if getattr(sys, "frozen", False) else (sys.executable, "-P", "-m", "app")
    return (*command, *arguments)
