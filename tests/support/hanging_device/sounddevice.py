"""A driver of which nothing ever returns, and a library that would wait for it at the end of the process."""

import atexit
import threading


class PortAudioError(Exception):
    pass


def query_devices(kind: str) -> dict[str, str]:
    return {"name": "Kitchen radio"}


def _exit_handler() -> None:
    threading.Event().wait()


atexit.register(_exit_handler)


class RawOutputStream:
    latency = 0.1
    write_available = 4_800

    def __init__(self, **options: object) -> None:
        pass

    def start(self) -> None:
        pass

    def write(self, pcm: bytes) -> None:
        threading.Event().wait()

    def abort(self) -> None:
        threading.Event().wait()

    def close(self) -> None:
        threading.Event().wait()
