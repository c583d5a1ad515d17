"""What ends a connection to the engine, told as `NetworkError`."""

from collections.abc import Generator
from contextlib import contextmanager

import httpx

from q3tts_client.connection import Connection
from q3tts_client.errors import NetworkError


@contextmanager
def answering(connection: Connection) -> Generator[None]:
    """Raises `NetworkError` when no answer comes, or not all of it."""
    try:
        yield
    except httpx.TransportError as error:
        why = str(error) or type(error).__name__
        raise NetworkError(f"the engine at {connection.base_url} does not answer: {why}") from error
