"""The Hugging Face hub: what a model's repository has, the rest of one of its files, and what its errors mean.

It knows nothing of folders but the file it appends to. huggingface_hub's own `hf_hub_download` is not used: since
2.x it downloads to a file with a random name, deletes it when it fails, and so never resumes. Its session, headers,
addresses and errors are.
"""

import errno
import json
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from app.inference.checkpoint.manifest import MANIFEST

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo, RepoSibling

#: Somebody waits for a list of files, so it is asked for again but once.
LISTING_WAITS_S = (0.5,)

_SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9_.+-]*"
_SAFE = re.compile(rf"(?:{_SEGMENT}/)?{_SEGMENT}\.(?:safetensors|json|txt|model)")
_SHA1, _SHA256 = re.compile(r"[0-9a-f]{40}"), re.compile(r"[0-9a-f]{64}")
_TRY_AGAIN = {408, 425, 429, 500, 502, 503, 504}


class FetchFailed(Exception):
    """The download cannot go on; says why, and what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class RemoteFile(Struct, frozen=True):
    """A file as the hub lists it."""

    name: str
    size: int
    sha256: str  #: of a large file; empty for a small one
    blob: str  #: git's SHA-1 of a small file; of a large one it says nothing about the content

    @property
    def part(self) -> str:
        """Its name while it is not known to be right. No safe name has an @."""
        return f"{self.name.replace('/', '@')}.{self.sha256 or self.blob}"


def is_safe(name: str) -> bool:
    """Whether a file is one of a model's and holds data only: no code, no pickles, nothing outside the folder."""
    return _SAFE.fullmatch(name) is not None and name != MANIFEST


def listing(repository: str, revision: str) -> tuple[str, list[RemoteFile]]:
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
            if not passes(error) or (wait_s := next(waits, None)) is None:
                raise explained(error, repository, revision) from error
        time.sleep(wait_s)


def _wanted(sibling: "RepoSibling") -> RemoteFile:
    """A file of the list, if that says enough. Hashes become names in the file system, so they must be hashes."""
    from huggingface_hub import constants

    sha256, blob = sibling.lfs.sha256 if sibling.lfs else "", sibling.blob_id or ""
    if sibling.size is None or not (_SHA256.fullmatch(sha256) if sibling.lfs else _SHA1.fullmatch(blob)):
        raise _no_hub(constants.ENDPOINT)
    return RemoteFile(sibling.rfilename, sibling.size, sha256, blob)


def append(repository: str, commit: str, file: RemoteFile, part: Path) -> Iterator[int]:
    """Bring what a part lacks, in one answer; how much of it is there."""
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
            raise corrupt([file.name])
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
        raise corrupt([file.name])


def passes(error: Exception) -> bool:
    """Whether it may be gone when asked again."""
    from httpx2 import ProxyError, TransportError, UnsupportedProtocol
    from huggingface_hub.errors import HfHubHTTPError

    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in _TRY_AGAIN
    return isinstance(error, TransportError) and not isinstance(error, ProxyError | UnsupportedProtocol)


def explained(error: Exception, repository: str, revision: str) -> FetchFailed:
    """What an error means to whoever asked for the model."""
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


def corrupt(names: Sequence[str]) -> FetchFailed:
    """Files that have not the size or the content that the hub says."""
    return FetchFailed("CORRUPT", f"not what the hub says it is: {', '.join(names)}; start the download again")
