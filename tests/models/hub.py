"""A Hugging Face hub on this machine: the part of its API that a download needs, and what can go wrong with it.

`folder/OWNER/NAME/` is the repository OWNER/NAME. As with the real one, large files (`*.safetensors`) are stored
with Git LFS and come from another host after a redirect, and small ones from another path of the same host. It also
serves as an HTTP proxy to itself, for any host. It does not know who asks.
"""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import SHUT_RDWR, socket
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

PATIENCE_S = 20.0


class Request(NamedTuple):
    """One that came in."""

    method: str
    target: str  #: as it was asked for; with a host, if the hub was asked as a proxy
    range: str | None
    authorization: str | None
    host: str | None


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes = b""
    name: str = ""  #: of the file whose content this is


class Hub:
    """Serves from a thread of its own, one more for each connection. The switches may be set at any time by the
    test; they go by the name of a file in its repository.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.requests: list[Request] = []
        self.hold_after: dict[str, int] = {}  #: after this many bytes, say so in `holding` and wait for `release`
        self.holding, self.release = threading.Event(), threading.Event()
        self.cut_after: dict[str, int] = {}  #: after this many bytes drop the connection, once
        self.corrupt: set[str] = set()  #: serve other bytes than the hash says
        self.lengths: dict[str, int] = {}  #: serve this many bytes, more or less than the list says
        self.statuses: list[int] = []  #: answer the next requests with these
        self.gated: set[str] = set()  #: repositories of which only the list is public
        self.private: set[str] = set()  #: repositories of which nothing is
        self.token = "hf_right"  #: what opens them
        self.ignore_range = False
        self.commits: dict[str, str] = {}  #: of repositories whose commit has this name
        self.foreign_files: list[dict[str, Any]] = []  #: put into the lists of files as they are
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), name="hub")

    def __enter__(self) -> "Hub":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release.set()
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def url(self) -> str:
        """For HF_ENDPOINT."""
        return f"http://127.0.0.1:{self.port}"

    def add(self, repository: str, files: dict[str, bytes]) -> str:
        """Put files into a repository; its commit."""
        for name, content in files.items():
            path = self.folder / repository / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return self.commit(repository)

    def commit(self, repository: str) -> str:
        """The only revision of a repository, beside its name `main`."""
        if repository in self.commits:
            return self.commits[repository]
        names = "".join(f"{entry}" for entry in self._files(repository))
        return hashlib.sha1(names.encode()).hexdigest()

    def asked_for(self, name: str) -> list[str | None]:
        """The ranges of a file's content that were asked for; None is all of it."""
        return [
            request.range
            for request in self.requests
            if "/content/" in request.target and request.target.split("/content/")[1].split("/", 1)[1] == name
        ]

    def wait_until_holding(self) -> None:
        assert self.holding.wait(PATIENCE_S), self.requests

    def answer(self, request: Request) -> Answer:
        """What to say to a request."""
        if self.statuses:
            return _error(self.statuses.pop(0), "", "asked to fail")
        path = unquote(urlsplit(request.target).path).strip("/")
        if path.startswith("api/models/"):
            owner, name, _, revision = path.removeprefix("api/models/").split("/", 3)
            return self._refusal(f"{owner}/{name}", revision, request, gate=False) or self._list(f"{owner}/{name}")
        owner, name, action, revision, file = path.split("/", 4)
        repository = f"{owner}/{name}"
        if action == "content":
            return self._content(repository, file)
        return self._refusal(repository, revision, request, gate=True) or self._resolve(repository, file)

    def _refusal(self, repository: str, revision: str, request: Request, *, gate: bool) -> Answer | None:
        known = request.authorization == f"Bearer {self.token}"
        if not (self.folder / repository).is_dir() or (repository in self.private and not known):
            # As the real one: who does not say who they are is not told what there is.
            return _error(404 if known else 401, "RepoNotFound", "Repository not found")
        if gate and repository in self.gated and not known:
            return _error(401, "GatedRepo", "Access to this model is restricted")
        if revision not in ("main", self.commit(repository)):
            return _error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return None

    def _files(self, repository: str) -> list[dict[str, Any]]:
        folder = self.folder / repository
        files: list[dict[str, Any]] = []
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            content = path.read_bytes()
            file: dict[str, Any] = {"rfilename": str(path.relative_to(folder)), "size": len(content)}
            if path.suffix == ".safetensors":
                sha256 = hashlib.sha256(content).hexdigest()
                pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {len(content)}\n"
                file["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": len(pointer)}
                content = pointer.encode()
            files.append(file | {"blobId": hashlib.sha1(b"blob %d\0%b" % (len(content), content)).hexdigest()})
        return files

    def _list(self, repository: str) -> Answer:
        listing = {
            "id": repository,
            "modelId": repository,
            "sha": self.commit(repository),
            "siblings": self._files(repository) + self.foreign_files,
        }
        return Answer(200, {"Content-Type": "application/json"}, json.dumps(listing).encode())

    def _resolve(self, repository: str, name: str) -> Answer:
        file = next((file for file in self._files(repository) if file["rfilename"] == name), None)
        commit = {"X-Repo-Commit": self.commit(repository)}
        if file is None:
            return _error(404, "EntryNotFound", "Entry not found")
        etag = file["lfs"]["sha256"] if "lfs" in file else file["blobId"]
        headers = commit | {"X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(file["size"]), "ETag": f'"{etag}"'}
        other_host = f"http://localhost:{self.port}" if "lfs" in file else ""
        location = f"{other_host}/{repository}/content/{self.commit(repository)}/{name}"
        return Answer(302 if "lfs" in file else 307, headers | {"Location": location})

    def _content(self, repository: str, name: str) -> Answer:
        content = (self.folder / repository / name).read_bytes()
        if name in self.corrupt:
            content = bytes(byte ^ 0xFF for byte in content)
        if name in self.lengths:
            content = (content * 2)[: self.lengths[name]]
        return Answer(200, {"Accept-Ranges": "bytes"}, content, name)


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # closing waits for them

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self._open: set[socket] = set()
        super().__init__(("127.0.0.1", 0), _Connection)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Drop the connections that clients keep."""
        for connection in list(self._open):
            try:
                connection.shutdown(SHUT_RDWR)
            except OSError:
                continue  # gone already

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is what many tests are about."""


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def _hub(self) -> Hub:
        assert isinstance(self.server, _Server)
        return self.server.hub

    def do_GET(self) -> None:
        hub, headers = self._hub, self.headers
        request = Request(self.command, self.path, headers["Range"], headers["Authorization"], headers["Host"])
        hub.requests.append(request)
        answer = hub.answer(request)
        status, body, extra = answer.status, answer.body, dict(answer.headers)
        if answer.name and request.range and not hub.ignore_range:
            first = int(request.range.removeprefix("bytes=").removesuffix("-"))
            if first < len(body):
                status, extra["Content-Range"] = 206, f"bytes {first}-{len(body) - 1}/{len(body)}"
            else:
                status, extra["Content-Range"] = 416, f"bytes */{len(body)}"
            body = body[first:]
        self.send_response(status)
        for key, value in extra.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self._send(answer.name, body)

    do_HEAD = do_GET

    def _send(self, name: str, body: bytes) -> None:
        hub, sent = self._hub, 0
        if name in hub.hold_after:
            sent = hub.hold_after[name]
            self.wfile.write(body[:sent])
            hub.holding.set()
            hub.release.wait(PATIENCE_S)
        if name in hub.cut_after:
            end = hub.cut_after.pop(name)
            self.wfile.write(body[sent:end])
            self.close_connection = True
        else:
            self.wfile.write(body[sent:])

    def log_message(self, format: str, *args: Any) -> None:
        """`requests` is the log."""


def _error(status: int, code: str, message: str) -> Answer:
    return Answer(status, {"X-Error-Code": code, "X-Error-Message": message} if code else {})
