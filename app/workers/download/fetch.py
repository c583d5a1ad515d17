"""The download's own process: brings one model from the Hugging Face hub into a folder, and says how far it is.

It knows the folder and what `hub.py` brings, nothing of the engine or of where the folder goes afterwards. Each
line on standard output is JSON; `code` is DISK_FULL, NOT_FOUND, REFUSED, UNREACHABLE, UNSUITABLE, CORRUPT or
INTERNAL:

    {"event": "started", "bytes_total": 2516000000, "files": 12, "revision": "…"}
    {"event": "progress", "bytes_done": 1310720}      includes what an earlier try has brought
    {"event": "verifying"}
    {"event": "done", "revision": "…"}
    {"event": "failed", "code": "DISK_FULL", "message": "…"}

Files are collected in `.parts/`, under names that hold their hash, so that a part is only ever continued by the
same content. They get their places when all of them are right, and `q3tts.json`, which is written last, says that
the folder is complete. The process ends at once when its standard input closes.
"""

import hashlib
import json
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from app.inference.checkpoint.folder import BrokenCheckpoint, read_json
from app.inference.checkpoint.inspect import task_of
from app.inference.checkpoint.manifest import MANIFEST, Manifest, ManifestFile, read_manifest
from app.process.child import ABANDONED, end_with_parent, own_pipes
from app.process.files import atomic_write, sync_folder
from app.workers.download.hub import FetchFailed, RemoteFile, append, corrupt, explained, listing, passes

PARTS, CONFIGURATION = ".parts", "config.json"

#: Must stay free: a share of what is still to come, but at least this many bytes.
MARGIN, MARGIN_BYTES = 0.05, 100_000_000
#: At most so often does it say how far it is.
REPORT_S = 0.2
#: Waits between tries that bring nothing; each byte that arrives starts them anew.
WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)

logger = logging.getLogger(__name__)


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
            os._exit(ABANDONED)  # nobody listens

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
    commit, files = listing(repository, revision)
    parts = folder / PARTS
    parts.mkdir(parents=True, exist_ok=True)
    for other in {path.name for path in parts.iterdir()} - {file.part for file in files}:
        (parts / other).unlink()  # of another revision
    files = _configuration_first(files, repository)
    held = {file: _held(file, folder) for file in files}
    report.say("started", bytes_total=sum(file.size for file in files), files=len(files), revision=commit)
    done = sum(held.values())
    report.progress(done, always=True)
    for number, file in enumerate(files):
        if number == 1:
            _require_speech(repository, folder, files[0])
            check_disk(folder, sum(file.size for file in files) - done, free)
        if not (folder / file.name).is_file():
            others = done - held[file]
            for there in _download(repository, commit, file, parts / file.part):
                report.progress(others + there)
            done = others + file.size
    report.progress(done, always=True)
    report.say("verifying")
    _install(Manifest(repository, commit, _verified(files, folder)), files, folder)
    return commit


def _configuration_first(files: Sequence[RemoteFile], repository: str) -> list[RemoteFile]:
    """So that it is known what a model is before its weights come."""
    found = sorted(files, key=lambda file: file.name != CONFIGURATION)
    if found[0].name != CONFIGURATION:
        raise FetchFailed("UNSUITABLE", f"{repository} has no {CONFIGURATION}, which says what a model is")
    return found


def _require_speech(repository: str, folder: Path, file: RemoteFile) -> None:
    """Raise UNSUITABLE when a model's configuration is not that of a family that can be loaded."""
    path = folder / file.name
    path = path if path.is_file() else folder / PARTS / file.part
    try:
        task_of(read_json(path.parent, {path.name: path.stat()}, path.name, dict[str, Any]), repository)
    except BrokenCheckpoint as error:
        why = str(error).replace(path.name, file.name)
        raise FetchFailed("UNSUITABLE", f"{repository} is not a model that can be used: {why}") from error


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
    manifest = read_manifest(folder)
    if manifest is None or (manifest.repository, manifest.revision) != (repository, revision):
        return False
    try:
        return all((folder / file.name).stat().st_size == file.size for file in manifest.files)
    except OSError:
        return False


def _held(file: RemoteFile, folder: Path) -> int:
    """How much of a file is there. What cannot be right is removed."""
    for path in (folder / file.name, folder / PARTS / file.part):
        if path.is_file():
            size = path.stat().st_size
            if size == file.size or (size < file.size and path.parent.name == PARTS):
                return size
            path.unlink()
    return 0


def _download(repository: str, commit: str, file: RemoteFile, part: Path) -> Iterator[int]:
    """Bring the rest of a file; how much of it is there. Goes on after a break while tries bring something."""
    part.touch()
    waits, trouble = iter(WAITS_S), None
    while (before := part.stat().st_size) < file.size:
        try:
            yield from append(repository, commit, file, part)
        except Exception as error:
            if not passes(error):
                raise explained(error, repository, commit) from error
            trouble = error
            logger.warning("%s of %s: %s", file.name, repository, error)
        if part.stat().st_size > before:
            waits = iter(WAITS_S)
        elif (wait_s := next(waits, None)) is not None:
            time.sleep(wait_s)
        else:
            raise explained(trouble or OSError("the answers are empty"), repository, commit) from trouble


def _verified(files: Sequence[RemoteFile], folder: Path) -> list[ManifestFile]:
    """Read every file again. Those that are not right are removed, so that the next try brings them anew."""
    installed: list[ManifestFile] = []
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
            installed.append(ManifestFile(file.name, file.size, sha256.hexdigest()))
        else:
            path.unlink()
            wrong.append(file.name)
    if wrong:
        raise corrupt(wrong)
    return installed


def _install(manifest: Manifest, files: Sequence[RemoteFile], folder: Path) -> None:
    """Give all files their places, and write the manifest when they are there for good."""
    for file in files:
        if not (folder / file.name).is_file():
            (folder / file.name).parent.mkdir(exist_ok=True)
            os.replace(folder / PARTS / file.part, folder / file.name)
    shutil.rmtree(folder / PARTS)
    for path in {folder, *((folder / file.name).parent for file in files)}:
        sync_folder(path)
    with atomic_write(folder / MANIFEST) as target:
        target.write(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
    sync_folder(folder)


def _own_pipe() -> int:
    """Where the engine listens. The process ends at once when it hangs up."""
    source, target = own_pipes()
    end_with_parent()

    def end_with_engine() -> None:
        with suppress(OSError):
            while os.read(source, 4096):
                pass
        os._exit(ABANDONED)

    threading.Thread(target=end_with_engine, name="engine", daemon=True).start()
    return target
