"""`GET /v1/health`."""

from litestar import get
from litestar.di import NamedDependency

from app import __version__
from app.api.views.health import EngineWarning, Health
from app.api.views.models import capabilities_of
from app.errors import ModelNotReady
from app.inference.model import ModelCard
from app.models.registry import ModelRegistry
from app.store.rows import JobStatus
from app.store.stores import Stores

#: Of a model that was active and is gone or broken.
_NOTHING = ModelCard("", (), frozenset(), supports_clone=False, streams=False)


@get("/health", operation_id="getHealth", tags=["engine"])
async def health(registry: NamedDependency[ModelRegistry], stores: NamedDependency[Stores]) -> Health:
    """The engine's version, its active model and what that can do, and how busy it is."""
    try:
        card = registry.active.card
    except ModelNotReady:
        card = _NOTHING
    processor = registry.processor
    warnings = [EngineWarning("SLOW_PROCESSOR", processor.warning)] if processor.warning else []
    counts = await stores.jobs.counts()
    return Health(
        engine_version=__version__,
        active_model_id=registry.active_id,
        device=processor.device,
        blas=processor.blas or None,
        gflops=None if processor.gflops is None else round(processor.gflops, 1),
        warnings=warnings,
        capabilities=capabilities_of(card, transcribes=registry.transcriber() is not None),
        jobs_queued=counts[JobStatus.QUEUED],
        jobs_running=counts[JobStatus.RUNNING],
        worker_running=any(worker.worker_pid is not None for worker in registry.workers),
    )
