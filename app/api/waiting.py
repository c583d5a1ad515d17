"""`POST /v1/speak?wait=true`: one request for one WAV file. The job lives as long as its client waits."""

import asyncio
from contextlib import suppress
from functools import partial as bound
from typing import Any
from uuid import uuid4

from litestar import Response

from app import errors
from app.api.links import AnyRequest
from app.api.ranges import sent
from app.errors import EngineRestarted, SpeechError, WrongState
from app.events import FINAL, JobCanceled, JobError
from app.process.waiting import wait_uncancelled
from app.scheduler.scheduler import Scheduler
from app.usecases.jobs import NO_AUDIO, Jobs, Request


async def spoken(asked: Request, jobs: Jobs, scheduler: Scheduler, request: AnyRequest) -> Response[Any]:
    """The finished WAV file of a job. It is canceled when its client goes.

    Raises what the job failed with, `WrongState` if somebody canceled it, `EngineRestarted` if the engine stops.
    """
    job_id = str(uuid4())
    try:
        await jobs.submit(asked, job_id=job_id)
        await _end_of(job_id, jobs, request)
    except BaseException:
        await wait_uncancelled(_given_up(scheduler, job_id))
        raise
    find = bound(jobs.audio, job_id, format="wav", partial=False)
    response = await sent(request, find, file_name=f"{job_id}.wav", range=None, if_range=None, if_none_match=None)
    response.headers["Content-Location"] = f"/v1/jobs/{job_id}/audio"
    return response


async def _end_of(job_id: str, jobs: Jobs, request: AnyRequest) -> None:
    ending = asyncio.create_task(_ended(job_id, jobs), name="the end of a job")
    going = asyncio.create_task(_until_gone(request), name="a client that waits")
    try:
        await asyncio.wait({ending, going}, return_when=asyncio.FIRST_COMPLETED)
        if not ending.done():
            raise WrongState("the client went before the job was done")
        await ending
    finally:
        for task in (ending, going):
            task.cancel()
        await asyncio.gather(ending, going, return_exceptions=True)


async def _ended(job_id: str, jobs: Jobs) -> None:
    async with jobs.follow(job_id, after_seq=NO_AUDIO) as events:
        async for event in events:
            if isinstance(event, JobError):
                raise _error(event.error)
            if isinstance(event, JobCanceled):
                raise WrongState("somebody canceled the job")
            if isinstance(event, FINAL):
                return
    raise EngineRestarted("the engine was stopped before the job was done")


async def _until_gone(request: AnyRequest) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _given_up(scheduler: Scheduler, job_id: str) -> None:
    with suppress(SpeechError):  # it has ended, or there is none yet
        await scheduler.cancel(job_id)


def _error(body: errors.ErrorBody) -> SpeechError:
    """The error that a job failed with, which knows its status."""
    kinds = [errors.SpeechError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    kind = next((each for each in kinds if each.code == body.code and each is not errors.StartFailed), SpeechError)
    error = SpeechError.__new__(kind)
    SpeechError.__init__(error, body.message, **body.details)
    return error
