"""Announces itself once its app has gone, and ends with 7."""

import os
import sys

from app.engine.sidecar import StatusPipe

if __name__ == "__main__":
    status = StatusPipe()
    sys.stdin.read()
    status.send("ready")
    status.send("ready")
    os._exit(7)
