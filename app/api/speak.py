"""`POST /v1/speak` and `POST /v1/cancel`: the two routes of the original API."""

from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from app.api.links import AnyRequest, ws_url
from app.api.schemas import CancelRequest, SpeakRequest
from app.api.views.jobs import Canceled, SpeakStarted
from app.inference.model import Lane
from app.scheduler.scheduler import Scheduler
from app.store.rows import JobStatus
from app.usecases.jobs import Jobs


@post("/speak", operation_id="speak", tags=["speech"], status_code=200)
async def speak(data: JSONBody[SpeakRequest], jobs: NamedDependency[Jobs], request: AnyRequest) -> SpeakStarted:
    """Start speaking text to a listener, who follows `ws_url`."""
    job, _ = await jobs.submit(data.job(Lane.SPEAK))
    return SpeakStarted(job.id, job.voice_id, ws_url(request, job.id))


@post("/cancel", operation_id="cancel", tags=["speech"], status_code=200)
async def cancel(data: JSONBody[CancelRequest], scheduler: NamedDependency[Scheduler]) -> Canceled:
    """Cancel a job; answered when it is final."""
    job = await scheduler.cancel(str(data.job_id))
    return Canceled(job.status is JobStatus.CANCELED)
