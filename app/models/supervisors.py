"""The supervisor of each model that is or was in use: made at first use, replaced when the model's files change."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from types import TracebackType

from app.models.spec import ModelSpec
from app.models.worker.residency import ModelResidency
from app.models.worker.supervisor import WorkerSupervisor


class ModelSupervisors:
    """Belongs to the event loop. Leaving it ends every worker.

    `on_supervisor` is called with each new one, `wakeup` is set whenever one of them may have a free slot.
    """

    def __init__(
        self, *, idle_unload_s: float, wakeup: asyncio.Event, on_supervisor: Callable[[WorkerSupervisor], None]
    ) -> None:
        self._idle_unload_s, self._wakeup, self._on_supervisor = idle_unload_s, wakeup, on_supervisor
        self._residency = ModelResidency()
        self._by_id: dict[str, tuple[WorkerSupervisor, str]] = {}  #: with the fingerprint of the model's files
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()

    async def __aenter__(self) -> "ModelSupervisors":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def __iter__(self) -> Iterator[WorkerSupervisor]:
        return iter([supervisor for supervisor, _ in self._by_id.values()])

    def get(self, model_id: str, fingerprint: str | None = None) -> WorkerSupervisor | None:
        """A model's supervisor, if it has one, and if given, for files of this fingerprint."""
        supervisor, of_files = self._by_id.get(model_id, (None, ""))
        return supervisor if fingerprint in (None, of_files) else None

    async def open(self, entry: ModelSpec) -> WorkerSupervisor:
        """The supervisor of a model, made when there is none yet."""
        model_id = entry.card.model_id
        async with self._opening:
            supervisor, fingerprint = self._by_id.get(model_id, (None, ""))
            # If the files are others than those it has loaded, what is being spoken with these may end.
            if supervisor is not None and (fingerprint == entry.fingerprint or not await self.close(model_id)):
                return supervisor
            supervisor = WorkerSupervisor(
                entry.command,
                idle_unload_s=self._idle_unload_s,
                answer_s=entry.answer_s,
                model_id=model_id,
                residency=self._residency if entry.large else None,
                wakeup=self._wakeup,
            )
            await self._stack.enter_async_context(supervisor)
            self._by_id[model_id] = supervisor, entry.fingerprint
            self._on_supervisor(supervisor)
            return supervisor

    async def close(self, model_id: str) -> bool:
        """End a model's worker and forget its supervisor; False when it has work."""
        if (supervisor := self.get(model_id)) is not None:
            if not supervisor.unload():
                return False
            del self._by_id[model_id]
            await supervisor.close()
        return True

    def in_memory(self, model_id: str) -> bool:
        """Whether a worker has loaded the model."""
        supervisor = self.get(model_id)
        return supervisor is not None and supervisor.loaded
