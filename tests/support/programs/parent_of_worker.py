"""A process that starts a worker, writes its process id to standard error, and waits to be killed."""

import subprocess
import sys
import time

from app.inference import wire
from tests.support.worker import utterance

if __name__ == "__main__":
    control, text = sys.argv[1:]
    command = [sys.executable, "-P", "-m", "tests.support.fakes", control, "4"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as child:
        assert child.stdin is not None
        if text:
            child.stdin.write(wire.packed(wire.Add([utterance(1, text)])))
            child.stdin.flush()
        print(child.pid, flush=True, file=sys.stderr)
        time.sleep(1_000)
