"""The download's own process: brings one model from the Hugging Face hub into a folder, and says how far it is.

It knows the hub and the folder, nothing of the engine or of where the folder goes afterwards. Each line on standard
output is JSON; `code` is DISK_FULL, NOT_FOUND, REFUSED, UNREACHABLE, UNSUITABLE, CORRUPT or INTERNAL:

    {"event": "started", "bytes_total": 2516000000, "files": 12, "revision": "…"}
    {"event": "progress", "bytes_done": 1310720}      includes what an earlier try has brought
    {"event": "verifying"}
    {"event": "done", "revision": "…"}
    {"event": "failed", "code": "DISK_FULL", "message": "…"}

Files are collected in `.parts/`, under names that hold their hash, so that a part is only ever continued by the
same content. They get their places when all of them are right, and `q3tts.json`, which is written last, says that
the folder is complete. The process ends at once when its standard input closes.

huggingface_hub's own `hf_hub_download` is not used: since 2.x it downloads to a file with a random name, deletes it
when it fails, and so never resumes. Its session, headers, addresses and errors are.
"""

import ctypes
import errno
import hashlib
import json
import logging
import os
import re
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo, RepoSibling

MANIFEST = "q3tts.json"
PARTS = ".parts"

#: Must stay free: a share of what is still to come, but at least so many bytes.
MARGIN, MARGIN_BYTES = 0.05, 100_000_000
#: At most so often does it say how far it is.
REPORT_S = 0.2
#: Waits between tries that bring nothing; each byte that arrives starts them anew.
WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
LISTING_WAITS_S = WAITS_S[:1]  # somebody waits for it

_SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9_.+-]*"
_SAFE = re.compile(rf"(?:{_SEGMENT}/)?{_SEGMENT}\.(?:safetensors|json|txt|model)")
_SHA1, _SHA256 = re.compile(r"[0-9a-f]{40}"), re.compile(r"[0-9a-f]{64}")
_TRY_AGAIN = {408, 425, 429, 500, 502, 503, 504}
_ABANDONED = 3
_PR_SET_PDEATHSIG = 1

logger = logging.getLogger(__name__)


class FetchFailed(Exception):
    """The download cannot go on; says why, and what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Wanted(Struct, frozen=True):
    """A file as the hub lists it."""

    name: str
    size: int
    sha256: str  #: of a large file; empty for a small one
    blob: str  #: git's SHA-1 of a small file; of a large one it says nothing about the content

    @property
    def part(self) -> str:
        """Its name while it is not known to be right. No safe name has an @."""
        return f"{self.name.replace('/', '@')}.{self.sha256 or self.blob}"


class Installed(Struct, frozen=True):
    """A file that was found to be right."""

    name: str
    size: int
    sha256: str


class Manifest(Struct, frozen=True):
    """What `q3tts.json` says."""

    repository: str
    revision: str
    files: list[Installed]


class Report:
    """What is said to the engine. Used by one thread."""

    def __init__(self, target: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._target, self._clock = target, clock
        self._said_at = float("-inf")

    def say(self, event: str, **facts: Any) -> None:
        """One line."""
        line = json.dumps({"event": event, **facts}).encode() + b"\n"
        try:
            while line:
                line = line[os.write(self._target, line) :]
        except OSError:
            os._exit(_ABANDONED)  # nobody listens

    def progress(self, bytes_done: int, *, always: bool = False) -> None:
        """How far it is, unless that was just said."""
        now = self._clock()
        if always or now - self._said_at >= REPORT_S:
            self._said_at = now
            self.say("progress", bytes_done=bytes_done)


def free_bytes(folder: Path) -> int:
    """How much can be written there."""
    return shutil.disk_usage(folder).free


def main(repository: str, revision: str, folder: Path, *, free: Callable[[Path], int] = free_bytes) -> int:
    """Run as the download's process; the exit code."""
    report = Report(_own_pipe())
    # Plain HTTP: it goes on where it stopped, by Range, and takes the proxies that are set. Xet does neither.
    os.environ["HF_HUB_DISABLE_XET"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    try:
        report.say("done", revision=fetch(repository, revision, folder, report, free))
    except FetchFailed as error:
        report.say("failed", code=error.code, message=error.message)
        return 1
    except Exception as error:
        logger.exception("the download of %s failed", repository)
        failure = explained(error, repository, revision)
        report.say("failed", code=failure.code, message=failure.message)
        return 1
    return 0


def fetch(repository: str, revision: str, folder: Path, report: Report, free: Callable[[Path], int]) -> str:
    """Bring what is missing, and check all of it; the commit that is then in the folder."""
    if is_installed(repository, revision, folder):
        return revision
    commit, files = _listing(repository, revision)
    parts = folder / PARTS
    parts.mkdir(parents=True, exist_ok=True)
    for other in {path.name for path in parts.iterdir()} - {file.part for file in files}:
        (parts / other).unlink()  # of another revision
    held = {file: _held(file, folder) for file in files}
    report.say("started", bytes_total=sum(file.size for file in files), files=len(files), revision=commit)
    done = sum(held.values())
    report.progress(done, always=True)
    check_disk(folder, sum(file.size for file in files) - done, free)
    for file in files:
        if not (folder / file.name).is_file():
            others = done - held[file]
            for there in _download(repository, commit, file, parts / file.part):
                report.progress(others + there)
            done = others + file.size
    report.progress(done, always=True)
    report.say("verifying")
    _install(Manifest(repository, commit, _verified(files, folder)), files, folder)
    return commit


def is_safe(name: str) -> bool:
    """Whether a file is one of a model's and holds data only: no code, no pickles, nothing outside the folder."""
    return _SAFE.fullmatch(name) is not None and name != MANIFEST


def check_disk(folder: Path, missing: int, free: Callable[[Path], int]) -> None:
    """Raise DISK_FULL when the rest of the model and some air do not fit."""
    needed = missing + max(int(missing * MARGIN), MARGIN_BYTES) if missing else 0
    if needed and (there := free(folder)) < needed:
        raise FetchFailed(
            "DISK_FULL",
            f"the model needs {needed / 1e6:,.0f} MB of free disk, and there are {there / 1e6:,.0f} MB; "
            "free some space and start the download again",
        )


def is_installed(repository: str, revision: str, folder: Path) -> bool:
    """Whether the folder holds all of this commit. The hub is not asked."""
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
        sizes = all((folder / file.name).stat().st_size == file.size for file in manifest.files)
    except (OSError, msgspec.DecodeError):
        return False
    return sizes and (manifest.repository, manifest.revision) == (repository, revision)


def _listing(repository: str, revision: str) -> tuple[str, list[Wanted]]:
    """The commit that a revision means, and those of its files that are wanted."""
    from huggingface_hub import constants

    info = _model_info(repository, revision)
    files = [_wanted(each) for each in info.siblings or [] if is_safe(each.rfilename)]
    if info.sha is None or not _SHA1.fullmatch(info.sha):
        raise _no_hub(constants.ENDPOINT)
    if not any(file.name.endswith(".safetensors") for file in files):
        raise FetchFailed(
            "UNSUITABLE", f"{repository} has no *.safetensors; other formats can hold code and are not loaded"
        )
    return info.sha, files


def _model_info(repository: str, revision: str) -> "ModelInfo":
    from huggingface_hub import HfApi, constants

    waits = iter(LISTING_WAITS_S)
    while True:
        try:
            return HfApi().model_info(
                repository, revision=revision, files_metadata=True, timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT
            )
        except (json.JSONDecodeError, LookupError, TypeError, AttributeError) as error:
            raise _no_hub(constants.ENDPOINT) from error
        except Exception as error:
            if not _passes(error) or (wait_s := next(waits, None)) is None:
                raise explained(error, repository, revision) from error
        time.sleep(wait_s)


def _wanted(sibling: "RepoSibling") -> Wanted:
    """A file of the list, if that says enough. Hashes become names in the file system, so they must be hashes."""
    from huggingface_hub import constants

    sha256, blob = sibling.lfs.sha256 if sibling.lfs else "", sibling.blob_id or ""
    if sibling.size is None or not (_SHA256.fullmatch(sha256) if sibling.lfs else _SHA1.fullmatch(blob)):
        raise _no_hub(constants.ENDPOINT)
    return Wanted(sibling.rfilename, sibling.size, sha256, blob)


def _held(file: Wanted, folder: Path) -> int:
    """How much of a file is there. What cannot be right is removed."""
    for path in (folder / file.name, folder / PARTS / file.part):
        if path.is_file():
            size = path.stat().st_size
            if size == file.size or (size < file.size and path.parent.name == PARTS):
                return size
            path.unlink()
    return 0


def _download(repository: str, commit: str, file: Wanted, part: Path) -> Iterator[int]:
    """Bring the rest of a file; how much of it is there. Goes on after a break while tries bring something."""
    part.touch()
    waits, trouble = iter(WAITS_S), None
    while (before := part.stat().st_size) < file.size:
        try:
            yield from _append(repository, commit, file, part)
        except Exception as error:
            if not _passes(error):
                raise explained(error, repository, commit) from error
            trouble = error
            logger.warning("%s of %s: %s", file.name, repository, error)
        if part.stat().st_size > before:
            waits = iter(WAITS_S)
        elif (wait_s := next(waits, None)) is not None:
            time.sleep(wait_s)
        else:
            raise explained(trouble or OSError("the answers are empty"), repository, commit) from trouble


def _append(repository: str, commit: str, file: Wanted, part: Path) -> Iterator[int]:
    from huggingface_hub import constants, hf_hub_url
    from huggingface_hub.utils import (
        build_hf_headers,  # pyright: ignore[reportUnknownVariableType]
        get_session,
        hf_raise_for_status,
    )

    done = part.stat().st_size
    # Of a compressed answer, a range would be one of the compressed bytes.
    headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
    if done:
        headers["Range"] = f"bytes={done}-"
    url = hf_hub_url(repository, file.name, revision=commit)
    timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT  # of each read, not of all
    with get_session().stream("GET", url, headers=headers, timeout=timeout) as response:
        if response.status_code == 416:  # all of it is less than what is here
            part.unlink()
            raise _corrupt([file.name])
        hf_raise_for_status(response)
        if response.status_code != 206:
            done = 0  # from the start, whatever was asked for
        with part.open("ab" if done else "wb") as target:
            for data in response.iter_bytes():
                done += len(data)
                if done > file.size:
                    break
                target.write(data)
                yield done
    if done > file.size:
        part.unlink()
        raise _corrupt([file.name])


def _verified(files: Sequence[Wanted], folder: Path) -> list[Installed]:
    """Read every file again. Those that are not right are removed, so that the next try brings them anew."""
    installed: list[Installed] = []
    wrong: list[str] = []
    for file in files:
        path = folder / file.name
        path = path if path.is_file() else folder / PARTS / file.part
        sha256, blob = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)
        with path.open("rb") as content:
            while data := content.read(1 << 20):
                sha256.update(data)
                if not file.sha256:
                    blob.update(data)
            os.fsync(content.fileno())
        if path.stat().st_size == file.size and (
            sha256.hexdigest() == file.sha256 if file.sha256 else blob.hexdigest() == file.blob
        ):
            installed.append(Installed(file.name, file.size, sha256.hexdigest()))
        else:
            path.unlink()
            wrong.append(file.name)
    if wrong:
        raise _corrupt(wrong)
    return installed


def _install(manifest: Manifest, files: Sequence[Wanted], folder: Path) -> None:
    """Give all files their places, and write the manifest when they are there for good."""
    for file in files:
        if not (folder / file.name).is_file():
            (folder / file.name).parent.mkdir(exist_ok=True)
            os.replace(folder / PARTS / file.part, folder / file.name)
    shutil.rmtree(folder / PARTS)
    for path in {folder, *((folder / file.name).parent for file in files)}:
        _sync_folder(path)
    unfinished = folder / f"{MANIFEST}.new"
    with unfinished.open("wb") as target:
        target.write(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
        target.flush()
        os.fsync(target.fileno())
    os.replace(unfinished, folder / MANIFEST)
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _passes(error: Exception) -> bool:
    """Whether it may be gone when asked again."""
    from httpx2 import ProxyError, TransportError, UnsupportedProtocol
    from huggingface_hub.errors import HfHubHTTPError

    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in _TRY_AGAIN
    return isinstance(error, TransportError) and not isinstance(error, ProxyError | UnsupportedProtocol)


def explained(error: Exception, repository: str, revision: str) -> FetchFailed:
    """What an error means to who asked for the model."""
    from httpx2 import HTTPError, InvalidURL
    from huggingface_hub import constants, errors

    hub = constants.ENDPOINT
    match error:
        case FetchFailed():
            return error
        case errors.GatedRepoError():
            return FetchFailed(
                "REFUSED", f"{repository} is gated: accept its terms at {hub}/{repository}, and set HF_TOKEN"
            )
        case errors.RepositoryNotFoundError() | errors.HFValidationError():
            return FetchFailed(
                "NOT_FOUND", f"{hub} has no model {repository!r}; check the name, or set HF_TOKEN if it is private"
            )
        case errors.RevisionNotFoundError():
            return FetchFailed("NOT_FOUND", f"{repository} has no revision {revision!r} at {hub}")
        case errors.HfHubHTTPError() if error.response.status_code in (401, 403):
            return FetchFailed("REFUSED", f"{hub} refuses {repository}; check HF_TOKEN, or do without it")
        case errors.HfHubHTTPError() if error.response.status_code == 404:
            return FetchFailed("NOT_FOUND", f"{hub} does not have {error.request.url.path}")
        case errors.HfHubHTTPError():
            status = error.response.status_code
            return FetchFailed("UNREACHABLE", f"{hub} answers {status}; start the download again later, it resumes")
        case errors.OfflineModeIsEnabled():
            return FetchFailed("UNREACHABLE", "HF_HUB_OFFLINE is set; unset it to download")
        case HTTPError() | InvalidURL():
            why = str(error) or type(error).__name__
            return FetchFailed(
                "UNREACHABLE", f"{hub} cannot be reached ({why}); check the connection, HTTPS_PROXY and HF_ENDPOINT"
            )
        case OSError() if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return FetchFailed("DISK_FULL", "the disk is full; free some space and start the download again")
        case _:
            return FetchFailed("INTERNAL", f"the download failed: {type(error).__name__}: {error}")


def _no_hub(hub: str) -> FetchFailed:
    return FetchFailed(
        "UNREACHABLE", f"{hub} does not answer as a Hugging Face hub does; check HF_ENDPOINT, and for a log-in page"
    )


def _corrupt(names: Sequence[str]) -> FetchFailed:
    return FetchFailed("CORRUPT", f"not what the hub says it is: {', '.join(names)}; start the download again")


def _own_pipe() -> int:
    """Where the engine listens. What libraries print goes to standard error; the process ends with the engine."""
    source, target = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    # Ctrl-C reaches the whole process group; the engine decides when the download ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    def end_with_engine() -> None:
        with suppress(OSError):
            while os.read(source, 4096):
                pass
        os._exit(_ABANDONED)

    threading.Thread(target=end_with_engine, name="engine", daemon=True).start()
    return target
