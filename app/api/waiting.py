"""`POST /v1/speak?wait=true`: one request for one WAV file. The job lives as long as its client waits."""

from functools import partial as bound
from typing import Any

from litestar import Response

from app.api.links import AnyRequest
from app.api.live import done_before_gone
from app.api.ranges import sent
from app.errors import EngineRestarted, WrongState, of_body
from app.events import FINAL, JobCanceled, JobError
from app.usecases.jobs import NO_AUDIO, Jobs, Request
from app.usecases.listened_jobs import ListenedJobs


async def spoken(asked: Request, jobs: Jobs, listened: ListenedJobs, request: AnyRequest) -> Response[Any]:
    """The finished WAV file of a job. It is canceled when its client goes.

    Raises what the job failed with, `WrongState` if somebody canceled it, `EngineRestarted` if the engine stops.
    """
    async with listened.spoken(asked) as job_id:
        if not await done_before_gone(_ended(job_id, jobs), request.receive, name="the end of a job"):
            raise WrongState("the client went before the job was done")
    find = bound(jobs.audio, job_id, format="wav", partial=False)
    reading = bound(jobs.reading, job_id)
    response = await sent(
        request, find, name=job_id, range=None, if_range=None, if_none_match=None, reading=reading
    )
    response.headers["Content-Location"] = f"/v1/jobs/{job_id}/audio"
    return response


async def _ended(job_id: str, jobs: Jobs) -> None:
    async with jobs.follow(job_id, after_seq=NO_AUDIO) as events:
        async for event in events:
            if isinstance(event, JobError):
                raise of_body(event.error)
            if isinstance(event, JobCanceled):
                raise WrongState("somebody canceled the job")
            if isinstance(event, FINAL):
                return
    raise EngineRestarted("the engine was stopped before the job was done")
