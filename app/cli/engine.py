"""The engine that a command talks to, over HTTP: the daemon's, or one of its own for as long as the command takes.

It has no opinion about what is asked. The standard library's HTTP is enough, and is there at once.
"""

import http.client
import json
import os
import secrets
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from app.cli.lifeline import TOKEN, join_lifeline
from app.cli.own_engine import running
from app.cli.wording import for_people
from app.config import EngineKind, default_data_dir
from app.daemon.client import ask
from app.daemon.presence import IN_USE, Presence, engine_in
from app.errors import NotRunning, SpeechError, StartFailed, Unauthorized

#: What is asked of the engine is answered in milliseconds, but for what has to load a model first.
ANSWER_S, LOADING_S = 60.0, 1800.0
#: How long a command waits until a great many jobs are deleted.
DELETING_S = 3600.0
STATUS_S = 2.0

#: How long a command waits for a data folder whose engine has just started or is about to stop, and how often it
#: looks, in seconds.
SETTLED_S, LOOK_S = 20.0, 0.2


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

    def delete(self, path: str, *, answer_s: float = ANSWER_S) -> Any:
        """DELETE; the JSON of the answer."""
        return self._asked("DELETE", path, answer_s=answer_s)

    def download(self, path: str, file: BinaryIO, *, answer_s: float = ANSWER_S) -> None:
        """GET into a file. What the file cannot take is an OSError."""
        with self._answer("GET", path, None, answer_s) as response:
            left = int(response.headers["Content-Length"])
            while piece := _piece(response):
                file.write(piece)
                left -= len(piece)
        if left:
            raise NotRunning(f"the engine ended {left:,} bytes before the end of the file")

    def stream(self, path: str, file: BinaryIO, *, answer_s: float = ANSWER_S) -> None:
        """GET of what has no length that is known before, into a file. What the file cannot take is an OSError."""
        with self._answer("GET", path, None, answer_s) as response:
            while piece := _piece(response):
                file.write(piece)

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
def connected(socket_path: Path, data_dir: Path | None, *, daemon_only: bool = False) -> Generator[EngineClient]:
    """The daemon's engine. If none runs, or it has another data folder: the engine that uses the folder, be it a
    daemon that listens elsewhere or what another command has started; else one of the command's own.

    With `daemon_only` only a daemon is taken: without one it raises `NotRunning`. Raises `StartFailed` for an
    engine that does not start, and for a folder that an app's engine uses.
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
    with ExitStack() as stack:
        yield _engine_of((data_dir or default_data_dir()).absolute(), stack)


def _engine_of(data_dir: Path, stack: ExitStack) -> EngineClient:
    """The engine that uses the data folder, or one of the command's own. One that starts or stops is waited for."""
    token = secrets.token_urlsafe(32)
    deadline = time.monotonic() + SETTLED_S
    while True:
        if (there := engine_in(data_dir)) is not None and (engine := _joined(there, stack)) is not None:
            return engine
        try:
            address = stack.enter_context(running(data_dir, token))
        except StartFailed as error:
            if error.exit_code != IN_USE or time.monotonic() > deadline:
                raise
            time.sleep(LOOK_S)
        else:
            place = data_dir.resolve()
            return EngineClient(address.url, token, data_dir=place, socket_path=address.socket, own=True)


def _joined(there: Presence, stack: ExitStack) -> EngineClient | None:
    """The engine that runs; None if it is about to stop. Raises `StartFailed` for one that takes no commands."""
    place, sock = Path(there.data_dir), None if there.socket is None else Path(there.socket)
    match there.kind:
        case EngineKind.DAEMON:
            return EngineClient(there.url, _token(there.token_file), data_dir=place, socket_path=sock, own=False)
        case EngineKind.COMMAND if sock is not None and (lifeline := join_lifeline(sock.parent)) is not None:
            stack.callback(lifeline.release)
            token = _token(str(sock.with_name(TOKEN)))
            return EngineClient(there.url, token, data_dir=place, socket_path=sock, own=True)
        case EngineKind.SIDECAR:
            why = f"{there} uses {place} and takes requests from its app alone"
            raise StartFailed(f"{why}; quit the app, or choose another --data-dir", exit_code=IN_USE)
        case _:
            return None


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
    return RequestRefused(word, for_people(message), details)
