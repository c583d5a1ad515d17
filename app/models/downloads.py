"""Downloads of models: one child process for each, how far it is, and the folder that it leaves.

It knows what the child says (`fetch.py`) and where folders go. It does not know the hub, or which models there are.
What a child has brought stays when it ends, however it ends, and the next one goes on from there.
"""

import asyncio
import logging
import os
import shutil
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple, TypeAlias

import msgspec
from msgspec import Struct

from app.errors import InvalidRequest, StorageFailed, WrongState
from app.process import children
from app.process.files import sync_folder
from app.process.waiting import wait_uncancelled

#: The speed of a download is what came in this time.
WINDOW_S = 10.0
MAX_LINE = 1 << 16

State: TypeAlias = Literal["downloading", "done", "canceled", "failed"]

logger = logging.getLogger(__name__)


class _Started(Struct, tag="started", tag_field="event"):
    bytes_total: int


class _Progress(Struct, tag="progress", tag_field="event"):
    bytes_done: int


class _Verifying(Struct, tag="verifying", tag_field="event"):
    pass


class _Done(Struct, tag="done", tag_field="event"):
    pass


class _Failed(Struct, tag="failed", tag_field="event"):
    code: str
    message: str


_decoder = msgspec.json.Decoder(_Started | _Progress | _Verifying | _Done | _Failed)


class Failure(NamedTuple):
    """Why a download has failed, and what to do."""

    code: str  #: as `fetch.py` lists them, or CONFLICT or STORAGE_FAILED
    message: str


class Download:
    """One try to download a model, as it is now. Belongs to the event loop; only `Downloads` changes it."""

    def __init__(self, model_id: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.model_id = model_id
        self.state: State = "downloading"
        self.verifying = False  #: all of it is here, and is being read again
        self.bytes_done = 0
        self.bytes_total: int | None = None
        self.error: Failure | None = None
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque()
        self._ended = asyncio.Event()

    @property
    def bytes_per_second(self) -> float:
        """What came in the last seconds; what an earlier try had brought is not part of it."""
        if self.state != "downloading" or not self._seen:
            return 0.0
        now = self._clock()
        while len(self._seen) > 1 and self._seen[1][0] <= now - WINDOW_S:
            self._seen.popleft()
        since, before = self._seen[0]
        return max(0.0, (self.bytes_done - before) / (now - since)) if now > since else 0.0

    @property
    def seconds_left(self) -> float | None:
        """At this speed; None while nobody can know."""
        speed = self.bytes_per_second
        if self.bytes_total is None or not speed:
            return None
        return max(0, self.bytes_total - self.bytes_done) / speed

    async def ended(self) -> None:
        """Wait until it is done, canceled or failed."""
        await self._ended.wait()

    def progress(self, bytes_done: int) -> None:
        """Note how many bytes are here."""
        self.bytes_done = bytes_done
        self._seen.append((self._clock(), bytes_done))
        while len(self._seen) > 1 and self._seen[1][0] <= self._seen[-1][0] - WINDOW_S:
            self._seen.popleft()

    def end(self, state: State, error: Failure | None = None) -> None:
        """It is over."""
        self.state, self.error, self.verifying = state, error, False
        self._ended.set()


class Downloads:
    """Belongs to the event loop. Leaving it cancels what is in work, and ends every child.

    `command` is a child's, by repository, revision and folder. `folder` is on the file system of all targets.
    """

    def __init__(
        self,
        command: Callable[[str, str, Path], Sequence[str]],
        folder: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._command, self._folder, self._clock = command, folder, clock
        self._last: dict[str, Download] = {}
        self._tasks: dict[str, asyncio.Task[Failure | None]] = {}
        self._alone: dict[str, asyncio.Lock] = {}  #: by model: who works in its folder

    async def __aenter__(self) -> "Downloads":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values())

    def get(self, model_id: str) -> Download | None:
        """The download in work, or how the last one ended."""
        return self._last.get(model_id)

    @property
    def unfinished(self) -> list[str]:
        """The models whose last download is in work, or came to no good end."""
        return [model_id for model_id, download in self._last.items() if download.state != "done"]

    def start(self, model_id: str, repository: str, revision: str, target: Path) -> Download:
        """Begin or resume a download; the one in work, if any. Raises `WrongState` when `target` exists."""
        last = self._last.get(model_id)
        if last is not None and last.state == "downloading":
            return last
        folder = self._of(model_id)
        if os.path.lexists(target):
            raise WrongState(f"the model {model_id} is here already; delete it first to download it again")
        download = self._last[model_id] = Download(model_id, self._clock)
        task = self._tasks[model_id] = asyncio.create_task(
            self._fetched(download, self._command(repository, revision, folder), folder, target),
            name=f"download of {model_id}",
        )
        # Not at the end of the task's own code: a task that is canceled at once never comes to that.
        task.add_done_callback(lambda task: self._over(download, task))
        return download

    async def cancel(self, model_id: str) -> None:
        """Stop a download and wait until its process is gone. What it has brought stays."""
        task = self._tasks.get(model_id)
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def discard(self, model_id: str) -> None:
        """Remove what an unfinished download has left. Raises `WrongState` while it is in work, `StorageFailed`."""
        folder = self._of(model_id)
        if (last := self._last.get(model_id)) is not None and last.state == "downloading":
            raise WrongState(f"the model {model_id} is being downloaded; cancel that first")
        self._last.pop(model_id, None)
        async with self._lock(model_id):
            try:
                await wait_uncancelled(asyncio.to_thread(_removed, folder))
            except OSError as error:
                raise StorageFailed(
                    f"what the download of {model_id} has left cannot be removed: {error}"
                ) from error

    def _of(self, model_id: str) -> Path:
        if "\0" in model_id or any(part in ("", ".", "..") for part in model_id.split("/")):
            raise InvalidRequest(f"{model_id!r} cannot be the name of a model")
        return self._folder / model_id

    def _lock(self, model_id: str) -> asyncio.Lock:
        return self._alone.setdefault(model_id, asyncio.Lock())

    def _over(self, download: Download, task: asyncio.Task[Failure | None]) -> None:
        if task.cancelled():
            download.end("canceled")
        elif (error := task.exception()) is not None:
            logger.error("the download of %s failed", download.model_id, exc_info=error)
            download.end("failed", Failure("INTERNAL", f"the download failed: {type(error).__name__}: {error}"))
        else:
            failure = task.result()
            download.end("failed" if failure else "done", failure)

    async def _fetched(
        self, download: Download, command: Sequence[str], folder: Path, target: Path
    ) -> Failure | None:
        """Have the child bring the model, and put that into its place; None when it is there."""
        async with self._lock(download.model_id):
            try:
                await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
                process = await asyncio.create_subprocess_exec(
                    *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=MAX_LINE
                )
            except OSError as error:
                return Failure("INTERNAL", f"the download's process cannot be started: {error}")
            logger.info("process %d downloads %s", process.pid, download.model_id)
            try:
                said = await _heard(process, download)
            finally:
                await children.end(process)
            if isinstance(said, _Failed):
                return Failure(said.code, said.message)
            if said is None:
                return Failure(
                    "INTERNAL",
                    f"the download's process ended with code {process.returncode} and said nothing; "
                    "start the download again, it resumes",
                )
            putting = asyncio.ensure_future(asyncio.to_thread(_put, folder, target))
            with suppress(asyncio.CancelledError):  # too late: it is done, not canceled
                await wait_uncancelled(putting)
            return putting.result()


async def _heard(process: asyncio.subprocess.Process, download: Download) -> _Done | _Failed | None:
    """Read a child's output until its result; None when it ends without one."""
    assert process.stdout is not None
    while True:
        try:
            line = await process.stdout.readline()
            if not line:
                return None
            message = _decoder.decode(line)
        except ValueError as error:  # a line that is too long, or not a message
            logger.warning("unexpected output from download process %d: %s", process.pid, error)
            continue
        match message:
            case _Started():
                download.bytes_total = message.bytes_total
            case _Progress():
                download.progress(message.bytes_done)
            case _Verifying():
                download.verifying = True
            case _:
                return message


def _put(folder: Path, target: Path) -> Failure | None:
    """Give a finished folder its place, for good. Blocks."""
    if os.path.lexists(target):
        return Failure("CONFLICT", f"{target} exists already and is not overwritten; delete it and try again")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        folder.rename(target)
        for changed in (folder.parent, target.parent):
            sync_folder(changed)
    except OSError as error:
        return Failure("STORAGE_FAILED", f"the model cannot be put into {target}: {error}")
    return None


def _removed(folder: Path) -> None:
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)
