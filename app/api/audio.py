"""`GET /v1/jobs/{id}/audio`."""

from functools import partial as bound
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import HttpMethod, Response, route
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, HeaderParameter

from app.api.links import AnyRequest
from app.api.ranges import sent
from app.errors import JobNotFound
from app.usecases.jobs import Jobs


@route(
    "/jobs/{job_id:uuid}/audio",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    operation_id=lambda _handler, method, _path: f"{method.lower()}Audio",
    tags=["jobs"],
    status_code=200,
)
async def audio(
    job_id: FromPath[UUID],
    jobs: NamedDependency[Jobs],
    request: AnyRequest,
    format: FromQuery[Literal["wav"]] = "wav",
    partial: FromQuery[bool] = False,
    range: Annotated[str | None, HeaderParameter(name="Range")] = None,
    if_range: Annotated[str | None, HeaderParameter(name="If-Range")] = None,
    if_none_match: Annotated[str | None, HeaderParameter(name="If-None-Match")] = None,
) -> Response[Any]:
    """The job's audio as a file. `partial=true` gives the audio so far of a job that is not completed."""
    # A partial file may be published under its final name while it is being opened: then it is found there.
    find = bound(jobs.audio, str(job_id), format=format, partial=partial)
    try:
        return await sent(
            request,
            find,
            file_name=f"{job_id}.{format}",
            range=range,
            if_range=if_range,
            if_none_match=if_none_match,
        )
    except FileNotFoundError:
        raise JobNotFound("the job's audio is gone from the data folder", job_id=str(job_id)) from None
