"""The cursor of a page, which only the engine can read."""

import base64

import msgspec

from app.errors import InvalidRequest
from app.store.history import Position


def cursor_of(position: Position | None) -> str | None:
    """The position after a page's last job, as an opaque string."""
    if position is None:
        return None
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(position)).decode().rstrip("=")


def position_of(cursor: str | None) -> Position | None:
    """The position that a cursor stands for. Raises `InvalidRequest`."""
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        position = msgspec.msgpack.decode(raw, type=Position)
    except (ValueError, UnicodeEncodeError, msgspec.MsgspecError) as error:
        raise InvalidRequest.about(
            "cursor", "the cursor is not one that this engine gave; start without one"
        ) from error
    if not 0 <= position.seq < 2**63 or not 0 <= position.created_at < 2**63:
        raise InvalidRequest.about("cursor", "the cursor is not one that this engine gave; start without one")
    return position
