"""`POST /v1/speak` and `POST /v1/cancel`: the two routes of the original API."""

from typing import Annotated, Any

from litestar import Response, post
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import FromQuery, HeaderParameter, JSONBody

from app.api.links import AnyRequest, ws_url
from app.api.schemas import CancelRequest, SpeakRequest
from app.api.text_operation import SpeakOperation
from app.api.views.jobs import Canceled, SpeakStarted
from app.api.waiting import spoken
from app.inference.model import Lane
from app.scheduler.scheduler import Scheduler
from app.store.rows import JobStatus
from app.usecases.jobs import Jobs
from app.usecases.listened_jobs import ListenedJobs


@post(
    "/speak",
    operation_id="speak",
    operation_class=SpeakOperation,
    tags=["speech"],
    status_code=200,
    responses={200: ResponseSpec(SpeakStarted, description="The job, or its audio", generate_examples=False)},
)
async def speak(
    data: JSONBody[SpeakRequest],
    jobs: NamedDependency[Jobs],
    listened: NamedDependency[ListenedJobs],
    request: AnyRequest,
    wait: FromQuery[bool] = False,
    accept: Annotated[str | None, HeaderParameter(name="Accept")] = None,
) -> Response[Any]:
    """Start speaking text to a listener, who follows `ws_url`. With `wait=true` or `Accept: audio/wav` the answer
    is the finished WAV file; the job is canceled when the client does not wait for it.
    """
    if wait or _wants_wav(accept):
        return await spoken(data.job(Lane.SPEAK), jobs, listened, request)
    job, _ = await jobs.submit(data.job(Lane.SPEAK))
    return Response(SpeakStarted(job.id, job.voice_id, ws_url(request, job.id)))


def _wants_wav(accept: str | None) -> bool:
    kinds = [each.partition(";")[0].strip().lower() for each in (accept or "").split(",")]
    return any(kind in ("audio/wav", "audio/x-wav", "audio/wave", "audio/*") for kind in kinds)


@post("/cancel", operation_id="cancel", tags=["speech"], status_code=200)
async def cancel(data: JSONBody[CancelRequest], scheduler: NamedDependency[Scheduler]) -> Canceled:
    """Cancel a job; answered when it is final."""
    job = await scheduler.cancel(str(data.job_id))
    return Canceled(job.status is JobStatus.CANCELED)
