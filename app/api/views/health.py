"""The answer of `GET /v1/health`."""

from typing import Literal

from msgspec import Struct

from app.api.views.models import Capabilities


class EngineWarning(Struct, frozen=True):
    """Something that works badly on this machine, and what to do about it."""

    code: Literal["SLOW_PROCESSOR"]
    message: str


class Health(Struct, frozen=True, kw_only=True):
    """The engine, as it is now. `blas` and `gflops` are there once MLX has loaded a model on a CPU."""

    engine_version: str
    active_model_id: str
    device: str
    blas: str | None
    gflops: float | None
    warnings: list[EngineWarning]
    capabilities: Capabilities
    jobs_queued: int
    jobs_running: int
    worker_running: bool
