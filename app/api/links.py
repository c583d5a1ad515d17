"""Where a client finds what belongs to a job."""

from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection

AnyRequest = Request[Any, Any, Any]


def ws_url(connection: ASGIConnection[Any, Any, Any, Any], job_id: str) -> str:
    """The WebSocket of a job, at the address that the client used."""
    return f"ws://{connection.headers['host']}/v1/stream/{job_id}"
