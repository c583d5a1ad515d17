"""Ends when its work is `finished`, or hangs though it has 0.8 s to end: `asleep`, or `held` by native code."""

import atexit
import ctypes
import sys
import threading
import time

from app.process.ending import end_now, end_within, heed_the_alarm

if __name__ == "__main__":
    heed_the_alarm()
    match sys.argv[1]:
        case "asleep":
            end_within(0.8, 3)
            time.sleep(60)
        case "held":
            end_within(0.8, 3)
            ctypes.PyDLL(None).sleep(60)  # which keeps the interpreter's lock
        case _:
            threading.Thread(target=time.sleep, args=(60,)).start()
            atexit.register(time.sleep, 60)
            sys.stdout.write("flushed")
            end_now(7)
