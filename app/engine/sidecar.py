"""How a desktop app starts the engine and ends it: one line of JSON on standard input, JSON lines on standard
output, and standard input as a lifeline. When it ends, for whatever reason, the engine stops: an app that crashed
or was killed leaves no orphan.
"""

import json
import os
import select
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from app.config import TAURI_ORIGINS
from app.errors import StartFailed

#: The payload is small; more means that somebody pipes something else into the engine.
MAX_BYTES = 64 * 1024
PATIENCE_S = 10.0


class Payload(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The first line of standard input."""

    v: int
    token: str
    data_dir: Annotated[str, Meta(pattern="^[^\\0]+$")] | None = None
    port: Annotated[int, Meta(ge=0, le=65535)] = 0
    model: str | None = None
    models_dir: Annotated[str, Meta(pattern="^[^\\0]+$")] | None = None
    socket: Annotated[str, Meta(pattern="^[^\\0]+$")] | None = None
    parent_pid: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    allowed_origins: tuple[str, ...] = TAURI_ORIGINS
    audio_links: bool | None = None


def read_payload(fd: int = 0) -> Payload:
    """Read and check the first line; raises `StartFailed` (64).

    Byte by byte from the descriptor: a buffered reader would swallow what comes after the line.
    """
    line = bytearray()
    deadline = time.monotonic() + PATIENCE_S
    while not line.endswith(b"\n"):
        readable, _, _ = select.select([fd], [], [], max(0.0, deadline - time.monotonic()))
        if not readable:
            raise StartFailed(f"no JSON line came on standard input within {PATIENCE_S:.0f} s", exit_code=64)
        byte = os.read(fd, 1)
        if not byte:
            raise StartFailed("standard input ended before its first line did", exit_code=64)
        line += byte
        if len(line) > MAX_BYTES:
            raise StartFailed(f"the first line of standard input is longer than {MAX_BYTES} bytes", exit_code=64)
    try:
        payload = msgspec.json.decode(line, type=Payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        # The line holds the token: say what is wrong with it, never what it is.
        raise StartFailed(
            f"the first line of standard input is not the JSON payload: {error}", exit_code=64
        ) from None
    if payload.v != 1:
        raise StartFailed(f"payload version {payload.v} is not known; this engine knows 1", exit_code=64)
    return payload


class StatusPipe:
    """Standard output for the app alone: JSON lines, whatever libraries may print goes to standard error."""

    def __init__(self) -> None:
        self._fd = os.dup(1)  # which what the engine starts does not inherit
        os.dup2(2, 1)

    def send(self, event: str, **fields: Any) -> None:
        """Write one line; it does not matter if the app has stopped reading."""
        line = json.dumps({"event": event, **fields}, separators=(",", ":")) + "\n"
        with suppress(OSError):
            os.write(self._fd, line.encode())


def watch_lifeline(on_end: Callable[[], None], fd: int = 0) -> threading.Thread:
    """Call back, from a thread, when standard input ends or says `{"op":"shutdown"}`."""

    def wait() -> None:
        unread = b""
        while True:
            try:
                data = os.read(fd, 4096)
            except OSError:
                break
            if not data:
                break
            *lines, unread = (unread + data).split(b"\n")
            if any(_asks_to_stop(line) for line in lines):
                break
            unread = unread[-MAX_BYTES:]
        on_end()

    thread = threading.Thread(target=wait, name="lifeline", daemon=True)
    thread.start()
    return thread


def _asks_to_stop(line: bytes) -> bool:
    try:
        return json.loads(line).get("op") == "shutdown"
    except (ValueError, AttributeError, RecursionError):
        return False
