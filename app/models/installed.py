"""The models that lie on this machine: in the models folder, and in the user's cache of the Hugging Face hub.

Each is inspected without being loaded, and again only when its files have changed. It does not know which of them
is in use.
"""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from app.errors import ModelNotReady
from app.inference.checkpoint.hashes import damaged_files, recorded_hashes
from app.inference.checkpoint.inspect import BrokenCheckpoint, fingerprint_of, read_checkpoint, task_in
from app.inference.checkpoint.layouts import ModelPlace, Skipped, find_models
from app.inference.checkpoint.manifest import read_manifest
from app.inference.families import Task
from app.models.linking import link_model, model_at
from app.models.published import of_repository
from app.models.spec import ModelSpec, of_checkpoint

logger = logging.getLogger(__name__)


class InstalledModel(Struct, frozen=True, kw_only=True):
    """A folder with a model, or with something that was to be one."""

    place: ModelPlace
    shared: bool  #: it is where other programs have it, too: it must not be deleted
    fingerprint: str  #: changes when the files do
    task: Task = Task.TTS
    entry: ModelSpec | None = None
    bytes: int | None = None
    repository: str = ""  #: on the hub, if that is known
    revision: str = ""
    reason: str = ""  #: why it is of no use

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return self.place.folder


class InstalledModels:
    """The models that are here. Belongs to the event loop; the files are read in a thread.

    Of a `cache`, only what can speak or listen is a model: it is full of other programs' models, too.
    """

    def __init__(self, folder: Path, cache: Path | None = None) -> None:
        self.folder = folder
        self.found: dict[str, InstalledModel] = {}
        self.skipped: Sequence[Skipped] = ()
        self._cache = cache
        self._scanning = asyncio.Lock()

    async def scan(self) -> bool:
        """Look again; whether something is different now."""
        async with self._scanning:
            before = self.found
            self.found, self.skipped = await asyncio.to_thread(self._read, before)
            return self.found != before

    async def link(self, path: Path) -> str:
        """Have the model in a folder from elsewhere: its id. Unless it is known, a link to it is put into the
        models folder. Raises `InvalidRequest`, `ModelNotReady`, `StorageFailed`.
        """
        await self.scan()
        place = await asyncio.to_thread(model_at, path)
        if (known := self._id_at(place)) is None:
            link = await asyncio.to_thread(link_model, place, self.folder)
            logger.info("%s is a link to the model in %s", link, path)
            await self.scan()
            known = self._id_at(place)
        if known is None:
            raise ModelNotReady(f"the model in {path} is not found in {self.folder}, although it is linked there")
        return known

    def _id_at(self, place: ModelPlace) -> str | None:
        wanted = place.folder.resolve()
        return next((name for name, model in self.found.items() if model.folder.resolve() == wanted), None)

    async def check(self, model_id: str) -> int:
        """Compare a model's files with the hashes that are recorded of them: how many files there are hashes of. If
        one differs, the model is broken until its files change.
        """
        model = self.found[model_id]
        recorded, damaged = await asyncio.to_thread(_compared, model.folder)
        if damaged:
            why = f"the files are damaged, not as they were downloaded: {', '.join(damaged)}; download these again"
            async with self._scanning:
                if self.found.get(model_id) == model:
                    self.found[model_id] = replace(model, entry=None, reason=why)
        return recorded

    def _read(self, before: dict[str, InstalledModel]) -> tuple[dict[str, InstalledModel], list[Skipped]]:
        found: dict[str, InstalledModel] = {}
        skipped: list[Skipped] = []
        for place in _places(self.folder, "models folder"):
            if isinstance(place, Skipped):
                skipped.append(place)
                continue
            model_id = _id_of(place)
            if (other := found.get(model_id)) is not None:
                why = f"the model {model_id} is in {other.folder} already; remove or rename one of the two"
                skipped.append(Skipped(str(place.root.relative_to(self.folder)), why))
            else:
                linked = place.root.parent != self.folder and place.root.parent.is_symlink()
                found[model_id] = _judged(place, model_id, before.get(model_id), shared=linked)
        for place in self._cached():
            if (model_id := _id_of(place)) not in found:
                model = _judged(place, model_id, before.get(model_id), shared=True)
                if model.reason:
                    skipped.append(Skipped(str(place.root), model.reason))
                else:
                    found[model_id] = model
        return found, skipped

    def _cached(self) -> list[ModelPlace]:
        """What in the hub's cache is one of ours, or was to become one."""
        if self._cache is None or not self._cache.is_dir() or self._cache.resolve() == self.folder.resolve():
            return []
        places = [place for place in _places(self._cache, "hub's cache") if isinstance(place, ModelPlace)]
        return [place for place in places if of_repository(place.repository) is not None or _is_ours(place)]


def _compared(folder: Path) -> tuple[int, list[str]]:
    """How many hashes are recorded, and which files have another one."""
    recorded = recorded_hashes(folder)
    return len(recorded), damaged_files(folder, recorded)


def _places(folder: Path, called: str) -> list[ModelPlace | Skipped]:
    try:
        return list(find_models(folder))
    except OSError as error:
        logger.warning("the %s cannot be read: %s", called, error)
        return []


def _id_of(place: ModelPlace) -> str:
    published = of_repository(place.repository)
    return place.model_id if published is None else published.model_id


def _is_ours(place: ModelPlace) -> bool:
    """Whether its configuration says that it speaks or listens; nothing else of it is read."""
    try:
        task_in(place.folder, place.model_id)
    except (BrokenCheckpoint, OSError):
        return False
    return True


def _judged(place: ModelPlace, model_id: str, before: InstalledModel | None, *, shared: bool) -> InstalledModel:
    fingerprint = ""
    try:
        fingerprint = fingerprint_of(place.folder)
        if before is not None and (before.place, before.fingerprint) == (place, fingerprint):
            return before
        checkpoint = read_checkpoint(place.folder, model_id)
    except BrokenCheckpoint as error:
        why = str(error)
    except OSError as error:
        why = f"its files cannot be read: {error.strerror}"
    else:
        manifest = read_manifest(place.folder)
        return InstalledModel(
            place=place,
            shared=shared,
            fingerprint=fingerprint,
            task=checkpoint.task,
            entry=of_checkpoint(checkpoint, place.folder) if checkpoint.task is Task.TTS else None,
            bytes=checkpoint.bytes,
            repository=place.repository or (manifest.repository if manifest else ""),
            revision=place.commit or (manifest.revision if manifest else ""),
        )
    if place.unfinished:
        name = place.repository or model_id
        why = f"its download is not complete ({place.unfinished}); finish it with: hf download {name} ({why})"
    if before is None or before.reason != why:
        logger.warning("the model %s is broken: %s", model_id, why)
    return InstalledModel(
        place=place,
        shared=shared,
        fingerprint=fingerprint,
        repository=place.repository,
        revision=place.commit,
        reason=why,
    )
