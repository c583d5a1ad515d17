"""An engine that says it is ready, waits until its app has gone, and then ends as its argument says."""

import json
import socket
import subprocess
import sys
import time


def main(way: str) -> int:
    sys.stdin.readline()
    if way == "leaves a child":
        subprocess.Popen(["sleep", "60"])
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        print(json.dumps({"event": "ready", "port": port, "pid": 1, "version": "0"}), flush=True)
        sys.stdin.read()
        if way == "stays":
            time.sleep(60)
    return 5 if way == "fails" else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
