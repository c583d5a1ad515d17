"""`GET /v1/health`."""

from litestar import get
from litestar.di import NamedDependency

from app import __version__
from app.api.views import Capabilities, Health
from app.speech import Speech


@get("/health", operation_id="getHealth", tags=["engine"])
async def health(speech: NamedDependency[Speech]) -> Health:
    """The engine's version, its model and what that can do, and how busy it is."""
    card = speech.model.card
    counts = await speech.jobs.counts()
    return Health(
        engine_version=__version__,
        active_model_id=card.model_id,
        device=card.device,
        capabilities=Capabilities(
            supports_voice_clone=card.supports_clone,
            supports_audio_chunk_stream=True,
            supports_true_streaming_inference=card.streams,
            languages=[*card.languages, "auto"],
        ),
        jobs_queued=counts["queued"],
        jobs_running=counts["running"],
        worker_running=speech.pool.worker_pid is not None,
    )
