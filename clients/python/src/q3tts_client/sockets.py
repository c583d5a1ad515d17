"""How a WebSocket to the engine begins and ends, whoever waits for it."""

from websockets.exceptions import ConnectionClosed

from q3tts_client.connection import Connection
from q3tts_client.errors import EngineError, SpeechError, refusal


class Refused(Exception):
    """The handshake was answered with a status."""

    def __init__(self, status: int, body: bytes, path: str) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.why: SpeechError = refusal(status, body, f"the WebSocket {path.partition('?')[0]}")


class Closed(Exception):
    """The engine has closed the connection, or it broke (1006)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code, self.reason = code, reason

    def raise_if_final(self) -> None:
        """Connecting again would only give the same. Raises `EngineError`."""
        if self.code == 4404:
            raise EngineError("JOB_NOT_FOUND", "there is no such job", status=404)
        if self.code == 1011:
            raise EngineError(self.reason or "INTERNAL", "the job cannot be followed; the engine's log says why")


def address(connection: Connection, path: str) -> tuple[str, dict[str, str]]:
    """Where a WebSocket is, and the headers that it takes."""
    url = connection.base_url.replace("http", "ws", 1) + path
    return url, {"Authorization": f"Bearer {connection.token}"}


def closed(error: ConnectionClosed) -> Closed:
    """As the engine said it; 1006 if it said nothing."""
    return Closed(1006, "") if error.rcvd is None else Closed(error.rcvd.code, error.rcvd.reason)
