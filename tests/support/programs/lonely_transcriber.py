"""A transcriber that fails when another one runs: both would make the file that is its argument."""

import json
import os
import sys
import time

if __name__ == "__main__":
    lock = sys.argv[1]
    os.close(os.open(lock, os.O_CREAT | os.O_EXCL))
    sys.stdin.buffer.read()
    time.sleep(0.1)
    os.unlink(lock)
    print(json.dumps({"text": "alone"}))
