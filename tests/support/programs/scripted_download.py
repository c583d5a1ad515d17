"""A download that does what its first argument says with the folder that is its second: it begins with half a file.

One that is `complete` replaces that by what is in the folder that is the third argument.
"""

import json
import os
import shutil
import signal
import sys
from pathlib import Path


def say(event: str, **fields: object) -> None:
    print(json.dumps({"event": event, **fields}), flush=True)


def begin(folder: Path) -> None:
    (folder / "a.txt").write_text("half")
    say("started", bytes_total=8, files=1, revision="abc")
    say("progress", bytes_done=4)


def main(way: str, folder: Path, source: Path | None) -> None:
    if way == "confused":
        print("Warning: no JSON", flush=True)
        print("x" * 200_000, flush=True)
        say("singing")
    begin(folder)
    match way:
        case "done" | "confused":
            say("done", revision="abc")
        case "complete":
            assert source is not None
            (folder / "a.txt").unlink()
            shutil.copytree(source, folder, dirs_exist_ok=True)
            say("done", revision="abc")
        case "wait":
            sys.stdin.read()
            (folder / "obeyed").touch()
        case "stubborn":
            signal.pause()
        case "talkative":
            while True:
                say("progress", bytes_done=5)
        case "dies":
            os._exit(9)
        case "refused":
            say("failed", code="REFUSED", message="it is gated")
        case "no space":
            say("failed", code="NO_SPACE", message="the disk is full")
        case _:
            raise ValueError(way)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]) if sys.argv[3:] else None)
