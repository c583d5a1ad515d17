"""Makes a file with its process id as name in the folder that is its argument, and hangs, whatever it is asked."""

import os
import signal
import sys
import time
from pathlib import Path

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    (Path(sys.argv[1]) / str(os.getpid())).touch(exist_ok=False)
    time.sleep(600)
