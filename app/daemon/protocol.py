"""The wire format of the Unix socket: one request and one answer for each connection, each as four bytes with the
length, big endian, then a JSON object in UTF-8.

Imported by the command line before anything else: nothing heavy here. It knows no action.
"""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import msgspec

from app.errors import ErrorBody, InvalidRequest

HEADER = struct.Struct(">I")

#: Room for the longest text that a job may have, should every character of it take four bytes.
MAX_BYTES = 24 << 20


def default_socket() -> Path:
    """Where the daemon listens when nobody says otherwise."""
    return Path.home() / ".q3tts.sock"


def packed(message: Mapping[str, Any]) -> bytes:
    """A message as it is sent."""
    payload = json.dumps(message, ensure_ascii=False).encode("utf-8", "backslashreplace")
    return HEADER.pack(len(payload)) + payload


def failed(error: ErrorBody) -> dict[str, Any]:
    """The answer that says what went wrong: `status` and `message`, in front, are what every client knows."""
    return {"status": "error", "message": error.message, **msgspec.to_builtins(error)}


def length_of(header: bytes) -> int:
    """How long the payload after these four bytes is. Raises `InvalidRequest`."""
    length: int = HEADER.unpack(header)[0]
    if not 0 < length <= MAX_BYTES:
        raise InvalidRequest(
            f"a message of {length:,} bytes is not taken: send 1 to {MAX_BYTES:,}, "
            "and before them their number as four bytes, big endian"
        )
    return length


def unpacked(payload: bytes) -> dict[str, Any]:
    """A payload as an object. Raises `InvalidRequest`."""
    try:
        message = json.loads(payload.decode())
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"byte {error.start} of the message is not UTF-8; send JSON in UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"the message is not JSON: {error}; send one object") from error
    if not isinstance(message, dict):
        raise InvalidRequest('the message is not an object; send something like {"action": "status"}')
    return cast("dict[str, Any]", message)
