"""The engine that a command talks to, over HTTP: the daemon's, or one of its own for as long as the command takes.

It has no opinion about what is asked. The standard library's HTTP is enough, and is there at once.
"""

import http.client
import json
import os
import secrets
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from app.cli.own_engine import running
from app.config import default_data_dir
from app.daemon.client import ask
from app.errors import NotRunning, SpeechError, Unauthorized

#: What is asked of the engine is answered in milliseconds, but for what has to load a model first.
ANSWER_S, LOADING_S = 60.0, 1800.0
STATUS_S = 2.0


class RequestRefused(SpeechError):
    """The engine refused what it was asked for."""

    def __init__(self, word: str, message: str, details: dict[str, Any]) -> None:
        super().__init__(message)
        self.word = word  #: the `code` of the answer
        self.details = details


class EngineClient:
    """A running engine."""

    def __init__(self, url: str, token: str, *, data_dir: Path, socket_path: Path | None, own: bool) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self.data_dir = data_dir
        self.own = own  #: it ends with the command
        self._socket_path = socket_path

    @property
    def socket_path(self) -> Path:
        """Where it speaks the daemon's protocol, too."""
        if self._socket_path is None:
            raise NotRunning("this engine has no Unix socket")
        return self._socket_path

    def get(self, path: str) -> Any:
        """GET; the JSON of the answer. Raises `RequestRefused` and `NotRunning`, here and below."""
        return self._asked("GET", path)

    def post(self, path: str, body: Any = None, *, answer_s: float = ANSWER_S) -> Any:
        """POST; the JSON of the answer."""
        return self._asked("POST", path, body, answer_s)

    def put(self, path: str, body: Any) -> Any:
        """PUT; the JSON of the answer."""
        return self._asked("PUT", path, body)

    def patch(self, path: str, body: Any) -> Any:
        """PATCH; the JSON of the answer."""
        return self._asked("PATCH", path, body)

    def delete(self, path: str) -> Any:
        """DELETE; the JSON of the answer."""
        return self._asked("DELETE", path)

    def download(self, path: str, file: BinaryIO, *, answer_s: float = ANSWER_S) -> None:
        """GET into a file. What the file cannot take is an OSError."""
        with self._answer("GET", path, None, answer_s) as response:
            left = int(response.headers["Content-Length"])
            while piece := _piece(response):
                file.write(piece)
                left -= len(piece)
        if left:
            raise NotRunning(f"the engine ended {left:,} bytes before the end of the file")

    def _asked(self, method: str, path: str, body: Any = None, answer_s: float = ANSWER_S) -> Any:
        # Escaped to ASCII: bytes that are not text, as a terminal may give them, are for the engine to refuse.
        data = None if body is None else json.dumps(body).encode()
        with self._answer(method, path, data, answer_s) as response, _answering():
            return json.loads(response.read())

    @contextmanager
    def _answer(
        self, method: str, path: str, body: bytes | None, answer_s: float
    ) -> Generator[http.client.HTTPResponse]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=answer_s)
        try:
            with _answering():
                connection.request(method, f"/v1{path}", body, self._headers)
                response = connection.getresponse()
                if response.status >= 400:
                    raise _refusal(response)
            yield response
        finally:
            connection.close()


@contextmanager
def connected(
    socket_path: Path, data_dir: Path | None, *, with_socket: bool = False, daemon_only: bool = False
) -> Generator[EngineClient]:
    """The daemon's engine; an engine of one's own, if no daemon runs, or one that has another data folder.

    `with_socket` has an engine of one's own listen at a Unix socket, too. With `daemon_only` there is none: then it
    raises `NotRunning`. Raises `StartFailed` for an engine that does not start.
    """
    try:
        daemon = _daemon(socket_path)
    except NotRunning:
        if daemon_only:
            raise
    else:
        if data_dir is None or daemon.data_dir == data_dir.resolve():
            yield daemon
            return
        if daemon_only:
            raise NotRunning(f"the daemon at {socket_path} has its data in {daemon.data_dir}, not in {data_dir}")
    own, token = (data_dir or default_data_dir()).absolute(), secrets.token_urlsafe(32)
    with ExitStack() as stack:
        private = None
        if with_socket:  # where nobody else can open it; the data folder's name may be too long for a socket
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="q3tts-"))
            private = Path(folder) / "sock"
        port = stack.enter_context(running(own, token, socket_path=private))
        yield EngineClient(f"http://127.0.0.1:{port}", token, data_dir=own.resolve(), socket_path=private, own=True)


def data_folder(socket_path: Path, data_dir: Path | None) -> Path:
    """Where everything is kept, as `connected` would find it; no engine is started for that."""
    if data_dir is not None:
        return data_dir
    try:
        return Path(_status(socket_path)["data_dir"])
    except SpeechError:  # none runs, or it has an error: that is when its log is needed
        return default_data_dir()


def _status(socket_path: Path) -> dict[str, Any]:
    said = ask(socket_path, {"action": "status"}, timeout_s=STATUS_S)
    if said.get("status") != "ok":
        raise SpeechError(f"the daemon at {socket_path} reported an error: {said.get('message')}")
    return said


def _daemon(socket_path: Path) -> EngineClient:
    said = _status(socket_path)
    return EngineClient(
        said["url"],
        _token(said["token_file"]),
        data_dir=Path(said["data_dir"]),
        socket_path=socket_path,
        own=False,
    )


def _token(token_file: str | None) -> str:
    if token_file is not None:
        try:
            return Path(token_file).read_text(encoding="ascii").strip()
        except (OSError, ValueError) as error:
            raise Unauthorized(f"the daemon's token cannot be read from {token_file}: {error}") from error
    if token := os.environ.get("Q3TTS_TOKEN"):
        return token
    raise Unauthorized("the daemon was given its token and keeps it to itself; put it into Q3TTS_TOKEN")


@contextmanager
def _answering() -> Generator[None]:
    """Whatever ends a connection means that there is nobody to talk to."""
    try:
        yield
    except TimeoutError as error:
        raise NotRunning("the engine does not answer") from error
    except (OSError, http.client.HTTPException) as error:
        raise NotRunning(f"the engine does not answer: {error or type(error).__name__}") from error


def _piece(response: http.client.HTTPResponse) -> bytes:
    with _answering():
        return response.read(256 * 1024)


def _refusal(response: http.client.HTTPResponse) -> SpeechError:
    body = response.read()
    try:
        error = json.loads(body)["error"]
        word, message, details = error["code"], error["message"], error["details"]
    except (ValueError, KeyError, TypeError):
        return SpeechError(f"the engine answered {response.status}: {body[:200].decode(errors='replace')}")
    if word == Unauthorized.code:
        return Unauthorized("the engine does not take the token; the daemon may have been started anew meanwhile")
    return RequestRefused(word, message, details)
