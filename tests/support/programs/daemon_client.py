"""Asks the daemon to speak what is on standard input into a file, and waits for it. Arguments: socket, file."""

import sys
from pathlib import Path

from app.daemon.client import ask

if __name__ == "__main__":
    socket, output = sys.argv[1:]
    ask(Path(socket), {"text": sys.stdin.read(), "output": output})
