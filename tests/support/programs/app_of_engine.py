"""An app: starts an engine, gives it its payload, and prints what it says. The payload comes before the command."""

import subprocess
import sys

if __name__ == "__main__":
    payload, *engine = sys.argv[1:]
    with subprocess.Popen(
        engine, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(f"{payload}\n")
        child.stdin.flush()
        for line in child.stdout:
            print(line, end="", flush=True)
