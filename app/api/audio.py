"""`GET /v1/jobs/{id}/audio`, and links to it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial as bound
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import UUID

from litestar import HttpMethod, Response, post, route
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, HeaderParameter, QueryParameter

from app.api.links import AnyRequest
from app.api.live import LiveBody, LiveResponse
from app.api.ranges import sent
from app.api.views.jobs import AudioLink
from app.audio.export.formats import FILE_FORMATS, FORMATS, LIVE_FORMATS, WAV
from app.errors import JobNotFound
from app.usecases.audio_links import AudioLinks
from app.usecases.fields import wrong
from app.usecases.jobs import Jobs
from app.usecases.live_audio import LiveAudio

AudioFormat = Literal["wav", "flac", "mp3", "opus", "m4a", "aac", "pcm"]
LiveFormat = Literal["wav", "flac", "mp3", "opus", "aac", "pcm"]

#: How long a link is good, unless the client says otherwise, and at most.
LINK_S, MAX_LINK_S = 15 * 60, 24 * 60 * 60


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
    live_audio: NamedDependency[LiveAudio],
    request: AnyRequest,
    format: FromQuery[AudioFormat | None] = None,
    partial: FromQuery[bool] = False,
    live: FromQuery[bool] = False,
    range: Annotated[str | None, HeaderParameter(name="Range")] = None,
    if_range: Annotated[str | None, HeaderParameter(name="If-Range")] = None,
    if_none_match: Annotated[str | None, HeaderParameter(name="If-None-Match")] = None,
) -> Response[Any]:
    """The job's audio as a file in one of its formats: WAV where it has that, else its first. `partial=true` gives
    the audio so far of a job that is not completed, as WAV; `live=true` all of it from the beginning, in any format
    that can be sent while it is made, as it is being spoken.
    """
    if live:
        if partial:
            raise wrong("partial", "live=true gives the audio so far, too; leave one of the two out")
        live_format = format or WAV
        if live_format not in LIVE_FORMATS:
            raise wrong("format", f"{format} cannot be sent while it is made; take {' or '.join(LIVE_FORMATS)}")
        return await _live(str(job_id), live_format, jobs, live_audio, request)
    if format is not None and format not in FILE_FORMATS:
        raise wrong("format", f"there is no file of {format}; take {' or '.join(FILE_FORMATS)}, or live=true")
    # A partial file may be published under its final name while it is being opened: then it is found there.
    find = bound(jobs.audio, str(job_id), format=format, partial=partial)
    try:
        return await sent(
            request,
            find,
            name=str(job_id),
            range=range,
            if_range=if_range,
            if_none_match=if_none_match,
            reading=bound(jobs.reading, str(job_id)),
        )
    except FileNotFoundError:
        raise JobNotFound("the job's audio is gone from the data folder", job_id=str(job_id)) from None


@post("/jobs/{job_id:uuid}/link", operation_id="linkAudio", tags=["jobs"], status_code=200)
async def link(
    job_id: FromPath[UUID],
    jobs: NamedDependency[Jobs],
    links: NamedDependency[AudioLinks],
    request: AnyRequest,
    format: FromQuery[LiveFormat] = "mp3",
    seconds: Annotated[int, QueryParameter(ge=1, le=MAX_LINK_S)] = LINK_S,
) -> AudioLink:
    """An address of the job's live audio for a player that cannot send the token. It is good for this job alone,
    for as long as it says, and until the engine ends. Links are off unless the engine was started with them.
    """
    signed, expires = links.sign(str(job_id), seconds)
    await jobs.get(str(job_id))
    query = urlencode({"live": "true", "format": format, **signed})
    url = f"http://{request.headers['host']}/v1/jobs/{job_id}/audio?{query}"
    return AudioLink(url, datetime.fromtimestamp(expires, UTC))


async def _live(job_id: str, format: str, jobs: Jobs, live: LiveAudio, request: AnyRequest) -> Response[Any]:
    await jobs.get(job_id)
    kind, headers = FORMATS[format].media_type, {"Accept-Ranges": "none"}
    if request.method == HttpMethod.HEAD:
        return Response(b"", media_type=kind, headers=headers)

    @asynccontextmanager
    async def body() -> AsyncGenerator[LiveBody]:
        async with live.follow(job_id, format) as pieces:
            yield LiveBody(pieces, {})

    return LiveResponse(body, media_type=kind, headers=headers)
