"""Announces itself to its app while libraries, native code and a child print."""

import ctypes
import subprocess
import sys

from app.engine.sidecar import StatusPipe

if __name__ == "__main__":
    print("before", flush=True)
    status = StatusPipe()
    print("a library prints", flush=True)
    ctypes.CDLL(None).puts(b"native code prints")
    ctypes.CDLL(None).fflush(None)
    subprocess.run([sys.executable, "-c", "print('a child prints')"], check=True)
    status.send("ready", port=1, text="\u00fc\nline")
    status.send("phase", phase="x")
