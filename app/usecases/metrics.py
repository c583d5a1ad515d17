"""The state of the engine in numbers, at one moment; what has been counted since its start is in `metering.py`."""

import asyncio
import os
import shutil
from pathlib import Path

from msgspec import Struct

from app.audio.log.logs import AudioLogs
from app.metering import Meters
from app.models.registry import ModelRegistry
from app.process.memory import resident_bytes
from app.scheduler.feed import Feed
from app.store.rows import FINAL
from app.store.stores import Stores
from app.store.totals import Grouping, TotalsFilter

#: There is nothing to be listed beyond it.
MAX_LANES = 10


class EngineState(Struct, frozen=True, kw_only=True):
    """Numbers of this moment, by their labels."""

    jobs: dict[tuple[str, str], int]  #: lane, status
    batch_rows: dict[str, int]  #: model
    worker_starts: dict[str, int]  #: model
    worker_losses: dict[str, int]  #: model
    memory: dict[tuple[str, str], int]  #: process (engine, worker), model; bytes
    disk_free: int
    disk_total: int
    followers: int
    watchers: int


class Metrics:
    """Belongs to the event loop."""

    def __init__(
        self,
        *,
        meters: Meters,
        stores: Stores,
        registry: ModelRegistry,
        logs: AudioLogs,
        feed: Feed,
        data_dir: Path,
    ) -> None:
        self.meters = meters
        self._stores, self._registry = stores, registry
        self._logs, self._feed, self._data_dir = logs, feed, data_dir

    async def state(self) -> EngineState:
        """As it is now."""
        workers = self._registry.workers
        pids = {os.getpid(): ("engine", "")}
        pids |= {worker.worker_pid: ("worker", worker.model_id) for worker in workers if worker.worker_pid}
        memory = await asyncio.to_thread(resident_bytes, list(pids))
        disk = await asyncio.to_thread(shutil.disk_usage, self._data_dir)
        return EngineState(
            jobs=await self._jobs(),
            batch_rows={worker.model_id: worker.speaking for worker in workers},
            worker_starts={worker.model_id: worker.starts for worker in workers},
            worker_losses={worker.model_id: worker.losses for worker in workers},
            memory={pids[pid]: size for pid, size in memory.items()},
            disk_free=disk.free,
            disk_total=disk.total,
            followers=self._logs.followers,
            watchers=self._feed.followers,
        )

    async def _jobs(self) -> dict[tuple[str, str], int]:
        """Those that wait or run are counted, of which there are few; the others are kept as totals."""
        found = await self._stores.jobs.unfinished_by_lane()
        _, lanes = await self._stores.totals.of(TotalsFilter(), [Grouping.LANE], limit=MAX_LANES)
        for one in lanes:
            for status in FINAL:
                found[str(one.lane), status] = getattr(one, status)
        return found
