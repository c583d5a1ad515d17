"""Where the engine is, and its token: as given, or found as the command line finds them."""

import json
import os
import re
import socket
import struct
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, cast

from platformdirs import user_data_path

from q3tts_client.errors import NetworkError

#: As in docs/socket.md: four bytes with the length, big endian, then JSON.
_LENGTH = struct.Struct(">I")
_MAX_ANSWER = 1 << 20
_ANSWER_S = 2.0

_ADDRESS = re.compile(r"https?://[^/]+/v1")
#: What can stand in a header and in the name of a subprotocol.
_TOKEN = re.compile(r"[A-Za-z0-9\-._~]+")


class Connection(NamedTuple):
    """An engine, and what it asks of those who talk to it."""

    base_url: str  #: http://127.0.0.1:<port>/v1
    token: str

    def __repr__(self) -> str:
        """Without the token, which must be in no log."""
        return f"Connection({self.base_url!r})"


Renew: TypeAlias = Callable[[], Connection]


def checked(base_url: str, token: str) -> Connection:
    """As they are used. Raises `ValueError`, which never quotes the token."""
    address = base_url.strip().rstrip("/")
    if _ADDRESS.fullmatch(address) is None:
        raise ValueError(f"base_url is {base_url!r}; it has to be like http://127.0.0.1:5123/v1")
    secret = token.strip()
    if _TOKEN.fullmatch(secret) is None:
        raise ValueError(
            "token is empty or has characters that it cannot have; it has letters, digits and -._~ only"
        )
    return Connection(address, secret)


def find_engine() -> Connection:
    """The engine that runs: the daemon at `Q3TTS_SOCKET`, or at ~/.q3tts.sock; if there is none, the daemon that
    uses the data folder, which is `Q3TTS_DATA_DIR` or the user's own. Raises `NetworkError`, code `NOT_RUNNING`.

    The token is read from the file that the engine names; one that was given its token names none, and then it is
    taken from `Q3TTS_TOKEN`.
    """
    said = _asked(Path(os.environ.get("Q3TTS_SOCKET") or Path.home() / ".q3tts.sock")) or _announced()
    if said is None:
        raise NetworkError(
            "no q3tts engine runs here; start one with: q3tts serve --daemon, or give base_url and token",
            "NOT_RUNNING",
        )
    return checked(str(said["url"]), _token(said.get("token_file")))


def _asked(path: Path) -> dict[str, Any] | None:
    """What the daemon says about itself; None if none listens there."""
    if not hasattr(socket, "AF_UNIX"):
        return None
    try:
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as connection:
            connection.settimeout(_ANSWER_S)
            connection.connect(str(path))
            request = b'{"action": "status"}'
            connection.sendall(_LENGTH.pack(len(request)) + request)
            with connection.makefile("rb") as answer:
                size = _LENGTH.unpack(answer.read(_LENGTH.size))[0]
                said = json.loads(answer.read(min(size, _MAX_ANSWER)))
    except (OSError, struct.error, ValueError):
        return None
    return said if said.get("status") == "ok" else None


def _announced() -> dict[str, Any] | None:
    """What an engine has written into the data folder that it uses; None if it does not run, or serves an app."""
    folder = os.environ.get("Q3TTS_DATA_DIR")
    place = Path(folder) if folder else user_data_path("q3tts", appauthor=False)
    try:
        said = json.loads((place / "engine.json").read_bytes())
        host, port = re.findall(r"//\[?(.+?)\]?:(\d+)", said["url"])[0]
        socket.create_connection((host, int(port)), _ANSWER_S).close()
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return cast("dict[str, Any]", said) if said.get("kind") == "daemon" else None


def _token(file: Any) -> str:
    if file is not None:
        try:
            return Path(file).read_text(encoding="ascii")
        except (OSError, ValueError) as error:
            raise NetworkError(f"the engine's token cannot be read from {file}: {error}", "NOT_RUNNING") from error
    if token := os.environ.get("Q3TTS_TOKEN"):
        return token
    raise NetworkError(
        "the engine was given its token and keeps it to itself; put it into Q3TTS_TOKEN", "NOT_RUNNING"
    )
