"""Starts the transcriber it is given with its own standard input, prints its process id, and waits for it."""

import subprocess
import sys

if __name__ == "__main__":
    with subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL) as child:
        print(child.pid, flush=True)
        child.wait()
