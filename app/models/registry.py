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
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from unicodedata import normalize

from app.errors import InvalidRequest, ModelNotFound, ModelNotReady, StorageFailed, WrongState, perhaps
from app.inference.checkpoint.layouts import Skipped
from app.inference.families import Task
from app.inference.processor import Processor
from app.models.downloads import Downloads
from app.models.installed import InstalledModel, InstalledModels
from app.models.listed import Listed, State, absent
from app.models.published import PUBLISHED, Published, is_repository, of_hub, of_repository
from app.models.spec import ModelSpec
from app.models.supervisors import ModelSupervisors
from app.models.worker.supervisor import WorkerSupervisor

logger = logging.getLogger(__name__)


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
        self._supervisors = ModelSupervisors(
            idle_unload_s=idle_unload_s, wakeup=wakeup, on_supervisor=on_supervisor
        )
        self._active_id = builtin[0].card.model_id
        self.transcriber_id = ""  #: the model that turns speech into text, if one was chosen

    async def __aenter__(self) -> "ModelRegistry":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._supervisors.__aexit__(kind, error, trace)

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

    @property
    def skipped(self) -> Sequence[Skipped]:
        """What lies where models are, and is not taken for one."""
        return self._shelf.skipped

    def every(self) -> list[Listed]:
        """What is built in, what is here, then what could be downloaded."""
        ids = [*self._builtin, *self._shelf.found, *PUBLISHED, *self._downloads.unfinished]
        return [self._listed(model_id) for model_id in dict.fromkeys(ids)]

    def get(self, said: str) -> Listed:
        """One model, by its id or by its repository on the hub. Raises `ModelNotFound`."""
        return self._listed(self.id_of(said))

    def id_of(self, said: str) -> str:
        """The id of the model that is meant, if there is one; else what was said, composed (NFC)."""
        said = normalize("NFC", said)
        if said in self._builtin or said in self._shelf.found:
            return said
        if (published := of_repository(said)) is not None:
            return published.model_id
        wanted = said.casefold()
        found = [name for name, model in self._shelf.found.items() if model.repository.casefold() == wanted]
        return found[0] if found and wanted else said

    def _listed(self, model_id: str) -> Listed:
        if (builtin := self._builtin.get(model_id)) is not None:
            state = State.ACTIVE if model_id == self._active_id else State.INSTALLED
            loaded = self._supervisors.in_memory(model_id)
            return Listed(model_id=model_id, display_name=model_id, state=state, entry=builtin, loaded=loaded)
        published, found = PUBLISHED.get(model_id), self._shelf.found.get(model_id)
        if found is not None:
            return self._installed(model_id, published.display_name if published else model_id, found, published)
        download = self._downloads.get(model_id)
        if published is not None:
            return absent(published, download)
        if model_id in self._downloads.unfinished:
            return absent(of_hub(model_id), download)
        near = perhaps(model_id, (*self._builtin, *self._shelf.found, *PUBLISHED))
        raise ModelNotFound(f"there is no model {model_id!r:.80}{near}; see GET /v1/models", model_id=model_id)

    def _installed(self, model_id: str, name: str, found: InstalledModel, published: Published | None) -> Listed:
        supervisor = self._supervisors.get(model_id)
        of_these_files = self._supervisors.get(model_id, found.fingerprint)
        load_error = of_these_files.load_error if of_these_files is not None else ""
        reason = found.reason or load_error
        if reason:
            state = State.BROKEN
        elif supervisor is not None and supervisor.loading:
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
            repository=found.repository or (published.repository if published else ""),
            revision=found.revision or (published.revision if published and not found.repository else ""),
            folder=found.folder,
            bytes=found.bytes,
            loaded=self._supervisors.in_memory(model_id),
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
        return await self._supervisors.open(self.entry(model_id))

    @property
    def processor(self) -> Processor:
        """What the active model computes on. Until it has been loaded once, what this kind of machine has."""
        supervisor = self._supervisors.get(self._active_id)
        if supervisor is not None and supervisor.processor is not None:
            return supervisor.processor
        apple = sys.platform == "darwin" and platform.machine() == "arm64"
        return Processor("metal" if apple and self._active_id not in self._builtin else "cpu")

    @property
    def workers(self) -> list[WorkerSupervisor]:
        """The supervisor of every model that is or was in use."""
        return list(self._supervisors)

    def choose(self, model_id: str) -> None:
        """Make a model the active one without loading it. Raises `ModelNotFound`, `ModelNotReady`."""
        self._active_id = self.get(model_id).usable.card.model_id

    async def activate(self, model_id: str) -> Listed:
        """Load a model and make it the active one, or the one that transcribes. Raises `ModelNotFound`, or
        `ModelNotReady`: then everything is as it was, but that the model may be known as broken.
        """
        await self.scan()
        listed = self.get(model_id)
        model_id = listed.model_id
        if listed.task is Task.STT and not listed.reason and listed.folder is not None:
            self.transcriber_id = model_id
            return self.get(model_id)
        entry = listed.entry or listed.usable  # also one that did not load before: perhaps it does now
        supervisor = await self._supervisors.open(entry)
        await supervisor.load()
        self._active_id = model_id
        return self.get(model_id)

    async def unload(self, model_id: str) -> Listed:
        """Free what a model holds in memory. Raises `ModelNotFound`, `WrongState` when it is in use."""
        model_id = self.get(model_id).model_id
        if model_id == self.transcriber_id:
            self.transcriber_id = ""
        if (supervisor := self._supervisors.get(model_id)) is not None:
            if not supervisor.unload():
                raise WrongState(f"the model {model_id} is speaking; cancel its jobs, or wait for them")
            await supervisor.wait_stopped()
        return self.get(model_id)

    async def check(self, said: str) -> tuple[Listed, int]:
        """Read all files of a model again, and compare them with the hashes that are recorded of them: the model,
        broken if one differs, and how many files there are hashes of. Takes a second for a gigabyte or two.

        Raises `ModelNotFound`, `ModelNotReady` for one that is not here.
        """
        await self.scan()
        listed = self.get(said)
        if listed.folder is None:
            raise ModelNotReady(
                f"the model {listed.model_id} is {listed.state}; there are no files to check",
                model_id=listed.model_id,
            )
        checked = await self._shelf.check(listed.model_id)
        return self.get(listed.model_id), checked

    async def download(self, model_id: str) -> Listed:
        """Begin or resume a download, of a model that is listed or of a repository of the hub, ORG/NAME.

        Raises `ModelNotFound`, `WrongState` when the model is here.
        """
        await self.scan()
        try:
            listed = self.get(model_id)
        except ModelNotFound:
            if not is_repository(model_id):
                raise
            listed = absent(of_hub(model_id), None)
        model_id = listed.model_id
        if listed.state not in (State.ABSENT, State.DOWNLOADING):
            raise WrongState(f"the model {model_id} is {listed.state}; delete it first to download it again")
        self._downloads.start(model_id, listed.repository, listed.revision or "main", self._shelf.folder / model_id)
        return self.get(model_id)

    async def link(self, path: Path) -> Listed:
        """The model in a folder from elsewhere, which becomes one of the models folder by a link. Raises
        `InvalidRequest`, `ModelNotReady`, `StorageFailed`.
        """
        return self.get(await self._shelf.link(path))

    async def cancel_download(self, model_id: str) -> Listed:
        """Stop a download; what has come is kept for the next one. Raises `ModelNotFound`, `WrongState`."""
        listed = self.get(model_id)
        model_id = listed.model_id
        if listed.state is not State.DOWNLOADING:
            raise WrongState(f"the model {model_id} is not being downloaded")
        await self._downloads.cancel(model_id)
        return self.get(model_id)

    async def delete(self, model_id: str) -> None:
        """Remove a model's files, or what a download has left. Raises `ModelNotFound`, `InvalidRequest`,
        `WrongState` when the model is active or in use.
        """
        await self.scan()
        listed = self.get(model_id)
        model_id = listed.model_id
        if model_id in self._builtin:
            raise InvalidRequest(f"the model {model_id} is built in and cannot be deleted")
        if listed.state is State.DOWNLOADING:
            raise WrongState(f"the model {model_id} is being downloaded; cancel that first")
        if model_id in (self._active_id, self.transcriber_id):
            raise WrongState(f"the model {model_id} is active; activate another one first")
        found = self._shelf.found.get(model_id)
        if found is not None:
            if found.shared:
                raise WrongState(
                    f"the model {model_id} is in {found.place.root}, which other programs use too; remove it there"
                )
            if not await self._supervisors.close(model_id):
                raise WrongState(f"the model {model_id} is speaking; cancel its jobs, or wait for them")
            try:
                await asyncio.to_thread(_removed, found.place.root, self._shelf.folder)
            except OSError as error:
                raise StorageFailed(f"the model {model_id} cannot be removed: {error.strerror}") from error
        await self._downloads.discard(model_id)
        await self.scan()

    def transcriber(self) -> Path | None:
        """The folder of the model that turns speech into text, if one is active."""
        found = self._shelf.found.get(self.transcriber_id)
        return None if found is None or found.reason else found.folder


def _removed(folder: Path, models: Path) -> None:
    """A folder of the user's own that is only linked to stays where it is."""
    if folder.is_symlink():
        folder.unlink()
    else:
        aside = folder.with_name(f".{folder.name}.deleted")
        shutil.rmtree(aside, ignore_errors=True)
        folder.rename(aside)  # at once, so that no half of it is ever taken for a model
        shutil.rmtree(aside, ignore_errors=True)
    if folder.parent != models:
        with suppress(OSError):  # a publisher's, who has other models
            folder.parent.rmdir()
