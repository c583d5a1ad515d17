"""The models folder: one folder, or link to one, for each model, named after the model.

Each is inspected without being loaded, and again only when its files have changed. It does not know which
models could be downloaded, or which is in use.
"""

import asyncio
import logging
import re
from pathlib import Path

from msgspec import Struct

from app.inference.checkpoint.inspect import BrokenCheckpoint, fingerprint_of, read_checkpoint
from app.inference.families import Task
from app.models.spec import ModelSpec, of_checkpoint

#: What a model may be called: it is a part of URLs and of paths.
MODEL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")

logger = logging.getLogger(__name__)


class InstalledModel(Struct, frozen=True, kw_only=True):
    """A folder with a model, or with something that was to be one."""

    folder: Path
    fingerprint: str  #: changes when the files do
    task: Task = Task.TTS
    entry: ModelSpec | None = None
    bytes: int | None = None
    reason: str = ""  #: why it is of no use


class InstalledModels:
    """The models that are in the folder. Belongs to the event loop; the files are read in a thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.found: dict[str, InstalledModel] = {}
        self._scanning = asyncio.Lock()

    async def scan(self) -> bool:
        """Look again; whether something is different now."""
        async with self._scanning:
            before = self.found
            self.found = await asyncio.to_thread(self._read, before)
            return self.found != before

    def _read(self, before: dict[str, InstalledModel]) -> dict[str, InstalledModel]:
        try:
            folders = sorted(path for path in self.folder.iterdir() if MODEL_ID.fullmatch(path.name))
        except OSError as error:
            logger.warning("the models folder cannot be read: %s", error)
            return {}
        return {path.name: _judged(path, before.get(path.name)) for path in folders if path.is_dir()}


def _judged(folder: Path, before: InstalledModel | None) -> InstalledModel:
    fingerprint = ""
    try:
        fingerprint = fingerprint_of(folder)
        if before is not None and before.fingerprint == fingerprint:
            return before
        checkpoint = read_checkpoint(folder, folder.name)
    except BrokenCheckpoint as error:
        why = str(error)
    except OSError as error:
        why = f"its files cannot be read: {error.strerror}"
    else:
        entry = of_checkpoint(checkpoint, folder) if checkpoint.task is Task.TTS else None
        task, size = checkpoint.task, checkpoint.bytes
        return InstalledModel(folder=folder, fingerprint=fingerprint, task=task, entry=entry, bytes=size)
    if before is None or before.reason != why:
        logger.warning("the model %s is broken: %s", folder.name, why)
    return InstalledModel(folder=folder, fingerprint=fingerprint, reason=why)
