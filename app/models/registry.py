"""All models of this machine: what is built in, what lies in the models folder, what could be downloaded; which one
is active, and the supervisor of each one that is in use.

It does not know voices, jobs or where the choice of the active model is remembered.
"""

import asyncio
import logging
import platform
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from app.errors import InvalidRequest, ModelNotFound, ModelNotReady, StorageFailed, WrongState
from app.inference.families import Task
from app.inference.processor import Processor
from app.models.downloads import Downloads
from app.models.installed import InstalledModel, InstalledModels
from app.models.listed import Listed, State
from app.models.published import PUBLISHED, Published
from app.models.spec import ModelSpec
from app.models.worker.residency import ModelResidency
from app.models.worker.supervisor import WorkerSupervisor

logger = logging.getLogger(__name__)


class Loaded(NamedTuple):
    """The supervisor of a model that is or was in use, and the fingerprint of the files that it speaks with."""

    supervisor: WorkerSupervisor
    fingerprint: str


class ModelRegistry:
    """Belongs to the event loop. Entering it does nothing yet; leaving it ends every worker and download."""

    def __init__(
        self,
        builtin: Sequence[ModelSpec],
        shelf: InstalledModels,
        downloads: Downloads,
        *,
        idle_unload_s: float,
        wakeup: asyncio.Event,
        on_supervisor: Callable[[WorkerSupervisor], None] = lambda _: None,
    ) -> None:
        self._builtin = {entry.card.model_id: entry for entry in builtin}
        self._shelf, self._downloads = shelf, downloads
        self._idle_unload_s, self._on_supervisor = idle_unload_s, on_supervisor
        self._residency = ModelResidency()
        self._loaded: dict[str, Loaded] = {}  #: by id
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._wakeup = wakeup
        self._active_id = builtin[0].card.model_id
        self.transcriber_id = ""  #: the model that turns speech into text, if one was chosen

    async def __aenter__(self) -> "ModelRegistry":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def scan(self) -> bool:
        """Look at the models folder again; whether there is something else in it now."""
        return await self._shelf.scan()

    @property
    def active(self) -> ModelSpec:
        """The model that new voices are made for."""
        return self.entry(self._active_id)

    @property
    def active_id(self) -> str:
        """Its name, also when it cannot be used any more."""
        return self._active_id

    @property
    def entries(self) -> list[ModelSpec]:
        """Every model that can speak."""
        found = [found.entry for found in self._shelf.found.values() if found.entry is not None]
        return [*self._builtin.values(), *(entry for entry in found if entry.card.model_id not in self._builtin)]

    def every(self) -> list[Listed]:
        """What is built in, what is here, then what could be downloaded."""
        ids = [*self._builtin, *self._shelf.found, *PUBLISHED]
        return [self.get(model_id) for model_id in dict.fromkeys(ids)]

    def get(self, model_id: str) -> Listed:
        """One model. Raises `ModelNotFound`."""
        if (builtin := self._builtin.get(model_id)) is not None:
            state = State.ACTIVE if model_id == self._active_id else State.INSTALLED
            loaded = self._in_memory(model_id)
            return Listed(model_id=model_id, display_name=model_id, state=state, entry=builtin, loaded=loaded)
        published, found = PUBLISHED.get(model_id), self._shelf.found.get(model_id)
        if published is None and found is None:
            raise ModelNotFound(model_id=model_id)
        name = published.display_name if published else model_id
        if found is not None:
            return self._installed(model_id, name, found, published)
        assert published is not None
        download = self._downloads.get(model_id)
        loading = download is not None and download.state == "downloading"
        return Listed(
            model_id=model_id,
            display_name=name,
            state=State.DOWNLOADING if loading else State.ABSENT,
            task=published.task,
            published=published,
            bytes=published.bytes,
            download=download if loading or (download and download.error) else None,
        )

    def _installed(self, model_id: str, name: str, found: InstalledModel, published: Published | None) -> Listed:
        loaded = self._loaded.get(model_id)
        load_error = loaded.supervisor.load_error if loaded and loaded.fingerprint == found.fingerprint else ""
        reason = found.reason or load_error
        if reason:
            state = State.BROKEN
        elif loaded is not None and loaded.supervisor.loading:
            state = State.LOADING
        elif model_id in (self._active_id, self.transcriber_id):
            state = State.ACTIVE
        else:
            state = State.INSTALLED
        return Listed(
            model_id=model_id,
            display_name=name,
            state=state,
            task=found.task,
            entry=found.entry,
            published=published,
            folder=found.folder,
            bytes=found.bytes,
            loaded=self._in_memory(model_id),
            reason=reason,
        )

    def entry(self, model_id: str) -> ModelSpec:
        """A model that can speak. Raises `ModelNotReady`."""
        try:
            return self.get(model_id).usable
        except ModelNotFound:
            raise ModelNotReady(f"the model {model_id} is not on this machine", model_id=model_id) from None

    async def worker(self, model_id: str) -> WorkerSupervisor:
        """The supervisor of the worker that speaks with a model. Raises `ModelNotReady`."""
        return await self._worker(self.entry(model_id))

    async def _worker(self, entry: ModelSpec) -> WorkerSupervisor:
        model_id = entry.card.model_id
        async with self._opening:
            loaded = self._loaded.get(model_id)
            # If the files are others than those it has loaded, what is being spoken with these may end.
            if loaded is not None and (loaded.fingerprint == entry.fingerprint or not await self._close(model_id)):
                return loaded.supervisor
            supervisor = WorkerSupervisor(
                entry.command,
                idle_unload_s=self._idle_unload_s,
                answer_s=entry.answer_s,
                model_id=model_id,
                residency=self._residency if entry.large else None,
                wakeup=self._wakeup,
            )
            await self._stack.enter_async_context(supervisor)
            self._loaded[model_id] = Loaded(supervisor, entry.fingerprint)
            self._on_supervisor(supervisor)
            return supervisor

    @property
    def processor(self) -> Processor:
        """What the active model computes on. Until it has been loaded once, what this kind of machine has."""
        loaded = self._loaded.get(self._active_id)
        if loaded is not None and loaded.supervisor.processor is not None:
            return loaded.supervisor.processor
        apple = sys.platform == "darwin" and platform.machine() == "arm64"
        return Processor("metal" if apple and self._active_id not in self._builtin else "cpu")

    @property
    def workers(self) -> list[WorkerSupervisor]:
        """The supervisor of every model that is or was in use."""
        return [loaded.supervisor for loaded in self._loaded.values()]

    def choose(self, model_id: str) -> None:
        """Make a model the active one without loading it. Raises `ModelNotFound`, `ModelNotReady`."""
        self._active_id = self.get(model_id).usable.card.model_id

    async def activate(self, model_id: str) -> Listed:
        """Load a model and make it the active one, or the one that transcribes. Raises `ModelNotFound`, or
        `ModelNotReady`: then everything is as it was, but that the model may be known as broken.
        """
        await self.scan()
        listed = self.get(model_id)
        if listed.task is Task.STT and not listed.reason and listed.folder is not None:
            self.transcriber_id = model_id
            return self.get(model_id)
        entry = listed.entry or listed.usable  # also one that did not load before: perhaps it does now
        supervisor = await self._worker(entry)
        await supervisor.load()
        self._active_id = model_id
        return self.get(model_id)

    async def unload(self, model_id: str) -> Listed:
        """Free what a model holds in memory. Raises `ModelNotFound`, `WrongState` when it is in use."""
        self.get(model_id)
        if model_id == self.transcriber_id:
            self.transcriber_id = ""
        if (loaded := self._loaded.get(model_id)) is not None:
            if not loaded.supervisor.unload():
                raise WrongState(f"the model {model_id} is speaking; cancel its jobs, or wait for them")
            await loaded.supervisor.wait_stopped()
        return self.get(model_id)

    async def download(self, model_id: str) -> Listed:
        """Begin or resume a download. Raises `ModelNotFound`, `WrongState` when the model is here."""
        await self.scan()
        listed = self.get(model_id)
        if listed.state not in (State.ABSENT, State.DOWNLOADING):
            raise WrongState(f"the model {model_id} is {listed.state}; delete it first to download it again")
        published = listed.published
        assert published is not None
        target = self._shelf.folder / model_id
        self._downloads.start(model_id, published.repository, published.revision, target)
        return self.get(model_id)

    async def cancel_download(self, model_id: str) -> Listed:
        """Stop a download; what has come is kept for the next one. Raises `ModelNotFound`, `WrongState`."""
        if self.get(model_id).state is not State.DOWNLOADING:
            raise WrongState(f"the model {model_id} is not being downloaded")
        await self._downloads.cancel(model_id)
        return self.get(model_id)

    async def delete(self, model_id: str) -> None:
        """Remove a model's files, or what a download has left. Raises `ModelNotFound`, `InvalidRequest`,
        `WrongState` when the model is active or in use.
        """
        await self.scan()
        listed = self.get(model_id)
        if model_id in self._builtin:
            raise InvalidRequest(f"the model {model_id} is built in and cannot be deleted")
        if listed.state is State.DOWNLOADING:
            raise WrongState(f"the model {model_id} is being downloaded; cancel that first")
        if model_id in (self._active_id, self.transcriber_id):
            raise WrongState(f"the model {model_id} is active; activate another one first")
        if listed.folder is not None:
            if not await self._close(model_id):
                raise WrongState(f"the model {model_id} is speaking; cancel its jobs, or wait for them")
            try:
                await asyncio.to_thread(_removed, listed.folder)
            except OSError as error:
                raise StorageFailed(f"the model {model_id} cannot be removed: {error.strerror}") from error
        await self._downloads.discard(model_id)
        await self.scan()

    def transcriber(self) -> Path | None:
        """The folder of the model that turns speech into text, if one is active."""
        found = self._shelf.found.get(self.transcriber_id)
        return None if found is None or found.reason else found.folder

    async def _close(self, model_id: str) -> bool:
        """End a model's worker and forget its supervisor; False when it has work."""
        loaded = self._loaded.get(model_id)
        if loaded is not None:
            if not loaded.supervisor.unload():
                return False
            del self._loaded[model_id]
            await loaded.supervisor.close()
        return True

    def _in_memory(self, model_id: str) -> bool:
        loaded = self._loaded.get(model_id)
        return loaded is not None and loaded.supervisor.loaded


def _removed(folder: Path) -> None:
    """A folder of the user's own that is only linked to stays where it is."""
    if folder.is_symlink():
        folder.unlink()
        return
    aside = folder.with_name(f".{folder.name}.deleted")
    shutil.rmtree(aside, ignore_errors=True)
    folder.rename(aside)  # at once, so that no half of it is ever taken for a model
    shutil.rmtree(aside, ignore_errors=True)
