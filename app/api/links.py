"""Where a client finds what belongs to a job; and the cursor of a page, which only the engine can read."""

import base64
from typing import Any

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection

from app.errors import InvalidRequest
from app.store.history import Position

AnyRequest = Request[Any, Any, Any]


def ws_url(connection: ASGIConnection[Any, Any, Any, Any], job_id: str) -> str:
    """The WebSocket of a job, at the address by which the client came."""
    return f"ws://{connection.headers['host']}/v1/stream/{job_id}"


def cursor_of(position: Position | None) -> str | None:
    """The place behind a page's last job, as an opaque word."""
    if position is None:
        return None
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(position)).decode().rstrip("=")


def position_of(cursor: str | None) -> Position | None:
    """The place that a cursor stands for. Raises `InvalidRequest`."""
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        position = msgspec.msgpack.decode(raw, type=Position)
    except (ValueError, UnicodeEncodeError, msgspec.MsgspecError) as error:
        raise InvalidRequest("the cursor is not one that this engine gave; start without one") from error
    if not 0 <= position.seq < 2**63 or not 0 <= position.created_at < 2**63:
        raise InvalidRequest("the cursor is not one that this engine gave; start without one")
    return position
