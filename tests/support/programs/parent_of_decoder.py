"""Starts the decoder it is given, hands it a recording of one byte, prints its process id, and waits for it."""

import subprocess
import sys

if __name__ == "__main__":
    with subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE) as child:
        assert child.stdin is not None
        child.stdin.write(b'{"bytes":1,"normalize":true}\nx')
        child.stdin.flush()
        print(child.pid, flush=True)
        child.wait()
