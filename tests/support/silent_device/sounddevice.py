"""A device that has played everything as soon as it has it. What it got is appended to the file `PLAYED`."""

import atexit
import os


class PortAudioError(Exception):
    pass


def query_devices(kind: str) -> dict[str, str]:
    return {"name": "Kitchen radio"}


def _exit_handler() -> None:
    pass


atexit.register(_exit_handler)


class RawOutputStream:
    latency = 0.0
    write_available = 4_800

    def __init__(self, **options: object) -> None:
        pass

    def start(self) -> None:
        pass

    def write(self, pcm: bytes) -> bool:
        with open(os.environ["PLAYED"], "ab") as file:
            file.write(pcm)
        return False

    def stop(self) -> None:
        pass

    def abort(self) -> None:
        pass

    def close(self) -> None:
        pass
