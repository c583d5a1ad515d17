"""The use cases of models, which all interfaces share. The choice of the active one is
remembered, and the voices that models bring along come and go with them.
"""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from app.errors import ModelNotFound, ModelNotReady, WrongState
from app.inference.checkpoint.layouts import Skipped
from app.inference.families import Task
from app.inference.model import VoiceKind
from app.models.listed import Listed
from app.models.registry import ModelRegistry
from app.models.spec import ModelSpec
from app.store.clock import now_us
from app.store.jobs import JobStore
from app.store.preferences import Preferences
from app.store.rows import Voice
from app.store.voices import VoiceStore

ACTIVE, TRANSCRIBER = "active_model", "transcriber"

logger = logging.getLogger(__name__)


class Models:
    """The use cases of models. Belongs to the event loop."""

    def __init__(
        self, *, registry: ModelRegistry, jobs: JobStore, voices: VoiceStore, preferences: Preferences
    ) -> None:
        self._registry = registry
        self._refreshing = asyncio.Lock()
        self._synced: set[tuple[str, str]] | None = None  #: the models whose presets are in the store
        self._jobs, self._voices, self._preferences = jobs, voices, preferences

    async def open(self, wanted: str | None) -> None:
        """At the start: find the models, and choose the one that is `wanted`, by id, repository or absolute path,
        or the one that was active before.

        Raises `ModelNotFound` or `ModelNotReady` for one that is wanted and cannot be had, for a path also
        `InvalidRequest` and `StorageFailed`.
        """
        await self.refresh()
        if wanted is not None:
            self._registry.choose(
                (await self.link(Path(wanted))).model_id if Path(wanted).is_absolute() else wanted
            )
        elif (before := await self._preferences.get(ACTIVE)) is not None:
            try:
                self._registry.choose(before)
            except (ModelNotFound, ModelNotReady) as error:
                logger.warning("the model %s was active before: %s", before, error)
        self._registry.transcriber_id = await self._preferences.get(TRANSCRIBER) or ""

    async def link(self, path: Path) -> Listed:
        """The model in a folder from elsewhere, which becomes one of the models folder by a link. Raises
        `InvalidRequest`, `ModelNotReady`, `StorageFailed`.
        """
        listed = await self._registry.link(path)
        await self.refresh()
        return listed

    async def every(self) -> tuple[list[Listed], Sequence[Skipped]]:
        """Every model, as it is now; and what lies where models are, and is not taken for one."""
        await self.refresh()
        return self._registry.every(), self._registry.skipped

    async def get(self, model_id: str) -> Listed:
        """One model. Raises `ModelNotFound`."""
        await self.refresh()
        return self._registry.get(model_id)

    async def refresh(self) -> None:
        """See what has been put into the models folder, or taken out of it: the presets come and go with it."""
        async with self._refreshing:
            await self._registry.scan()
            entries = self._registry.entries
            found = {(entry.card.model_id, entry.fingerprint) for entry in entries}
            if found == self._synced:
                return
            for entry in entries:
                await self._voices.sync_presets(entry.card.model_id, _presets(entry))
            await self._voices.keep_presets([entry.card.model_id for entry in entries])
            self._synced = found

    async def activate(self, model_id: str) -> Listed:
        """Load a model, make it the active one, and remember that. Raises `ModelNotFound`, `ModelNotReady`."""
        await self.refresh()
        listed = await self._registry.activate(model_id)
        await self._preferences.put(TRANSCRIBER if listed.task is Task.STT else ACTIVE, listed.model_id)
        return listed

    async def check(self, model_id: str) -> tuple[Listed, int]:
        """Compare a model's files with the hashes that are recorded of them: the model as it is then, and how many
        files there are hashes of. Raises `ModelNotFound`, `ModelNotReady`.
        """
        checked = await self._registry.check(model_id)
        await self.refresh()
        return checked

    async def unload(self, model_id: str) -> Listed:
        """Free what a model holds. One that transcribes does so no more. Raises `ModelNotFound`, `WrongState`."""
        listed = await self._registry.unload(model_id)
        if listed.task is Task.STT:
            await self._preferences.put(TRANSCRIBER, "")
        return listed

    async def delete(self, model_id: str) -> None:
        """Remove a model's files. Raises `ModelNotFound`, `InvalidRequest`, `WrongState`."""
        await self.refresh()
        model_id = self._registry.get(model_id).model_id
        if waiting := await self._jobs.unfinished(model_id):
            raise WrongState(f"{waiting} jobs still need the model {model_id}; cancel them, or wait for them")
        await self._registry.delete(model_id)
        await self.refresh()


def _presets(entry: ModelSpec) -> list[Voice]:
    now = now_us()
    return [
        Voice(
            id=preset.voice_id,
            kind=VoiceKind.PRESET,
            display_name=preset.display_name,
            model_id=entry.card.model_id,
            name=preset.name,
            language_hint=preset.language or None,
            created_at=now,
        )
        for preset in entry.presets()
    ]
