"""Asks the daemon for something and waits for its answer. It imports nothing that takes time: `q3tts status` must
end before anybody notices that a program was started.
"""

import socket
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from app.daemon.protocol import HEADER, length_of, packed, unpacked
from app.errors import NotRunning, SpeechError


def ask(path: Path, request: Mapping[str, Any], *, timeout_s: float | None = None) -> dict[str, Any]:
    """The daemon's answer. Whoever interrupts this closes the connection, which ends what was asked for.

    Raises `NotRunning` when nobody listens there, and `SpeechError` when somebody does and did not answer.
    """
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as connection:
        connection.settimeout(timeout_s)
        try:
            connection.connect(str(path))
        except OSError as error:
            raise NotRunning(f"no daemon listens at {path}; start one with: q3tts serve --daemon") from error
        try:
            with suppress(BrokenPipeError):  # it may have answered before it had read all of a bad request
                connection.sendall(packed(request))
            return unpacked(_read(connection, length_of(_read(connection, HEADER.size))))
        except TimeoutError as error:
            raise SpeechError(f"the daemon at {path} did not answer") from error
        except OSError as error:
            raise SpeechError(f"the daemon at {path} ended before it had answered") from error


def _read(connection: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = connection.recv(min(size - len(parts), 1 << 16))
        if not part:
            raise ConnectionResetError("it ended before it had answered")
        parts += part
    return bytes(parts)
