"""`GET /v1/jobs/{id}/audio`: a file that may be gigabytes long, with Range and ETag (RFC 9110, sections 13 and 14).

Litestar's own file response knows no ranges. One range is served; a request for several gets the whole, as the RFC
allows.
"""

import asyncio
import re
from collections.abc import AsyncGenerator
from typing import Annotated, Any, BinaryIO, Literal
from uuid import UUID

from litestar import HttpMethod, Response, route
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, HeaderParameter
from litestar.response import Stream

from app.api.links import AnyRequest
from app.api.problems import answer
from app.errors import JobNotFound, StorageFailed
from app.speech import Audio, Speech

PIECE_BYTES = 256 * 1024

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII | re.IGNORECASE)


class Unsatisfiable(Exception):
    """The range lies outside of the file."""


@route(
    "/jobs/{job_id:uuid}/audio",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    operation_id=lambda _handler, method, _path: f"{method.lower()}Audio",
    tags=["jobs"],
    status_code=200,
)
async def audio(
    job_id: FromPath[UUID],
    speech: NamedDependency[Speech],
    request: AnyRequest,
    format: FromQuery[Literal["wav"]] = "wav",
    partial: FromQuery[bool] = False,
    range: Annotated[str | None, HeaderParameter(name="Range")] = None,
    if_range: Annotated[str | None, HeaderParameter(name="If-Range")] = None,
    if_none_match: Annotated[str | None, HeaderParameter(name="If-None-Match")] = None,
) -> Response[Any]:
    """The job's audio as a file. `partial=true` gives the audio so far of a job that is not completed."""
    content, file = await _opened(speech, str(job_id), format, partial)
    etag = f'"{content.version}"'
    total = len(content.head) + content.size
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Content-Disposition": f'attachment; filename="{job_id}.{format}"',
    }
    if if_none_match is not None and (if_none_match.strip() == "*" or etag in _etags(if_none_match)):
        file.close()
        return Response(b"", status_code=304, headers=headers)
    if request.method == "HEAD":
        file.close()
        headers["Content-Length"] = str(total)
        return Response(b"", headers=headers, media_type="audio/wav")
    if if_range is not None and if_range.strip() != etag:
        range = None
    try:
        wanted = _wanted(range, total)
    except Unsatisfiable:
        file.close()
        refusal = answer(416, "INVALID_REQUEST", f"the range lies behind the end of the file, {total} bytes")
        refusal.headers["Content-Range"] = f"bytes */{total}"
        return refusal
    first, last = wanted or (0, total - 1)
    headers["Content-Length"] = str(last - first + 1)
    if wanted is not None:
        headers["Content-Range"] = f"bytes {first}-{last}/{total}"
    return Stream(
        _pieces(content, file, first, last + 1),
        status_code=200 if wanted is None else 206,
        headers=headers,
        media_type="audio/wav",
    )


async def _opened(speech: Speech, job_id: str, format: str, partial: bool) -> tuple[Audio, BinaryIO]:
    content = await speech.audio(job_id, format=format, partial=partial)
    try:
        return content, await asyncio.to_thread(open, content.path, "rb")
    except FileNotFoundError:
        # A partial file was published under its final name between the two calls: now it is complete.
        content = await speech.audio(job_id, format=format, partial=partial)
    try:
        return content, await asyncio.to_thread(open, content.path, "rb")
    except FileNotFoundError:
        raise JobNotFound("the job's audio is gone from the data folder", job_id=job_id) from None
    except OSError as error:
        raise StorageFailed(f"the job's audio cannot be opened: {error.strerror}") from error


def _etags(header: str) -> set[str]:
    """The tags of an If-None-Match; weak and strong count the same there."""
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}


def _wanted(header: str | None, total: int) -> tuple[int, int] | None:
    """First and last byte of a Range header; None for the whole file. Raises `Unsatisfiable`."""
    found = _RANGE.fullmatch(header.strip()) if header is not None else None
    if found is None:
        return None  # none, several, or not understood: RFC 9110 says to ignore it
    first, last = found.groups()
    if not first and not last:
        return None
    if not first:
        if int(last) == 0:
            raise Unsatisfiable
        return max(0, total - int(last)), total - 1
    if last and int(last) < int(first):
        return None
    if int(first) >= total:
        raise Unsatisfiable
    return int(first), min(int(last), total - 1) if last else total - 1


async def _pieces(content: Audio, file: BinaryIO, first: int, end: int) -> AsyncGenerator[bytes]:
    """The bytes of [first, end) of head and file together, some at a time."""
    with file:
        head = content.head[first:end]
        if head:
            yield head
        position = max(0, first - len(content.head))
        left = end - max(first, len(content.head))
        while left > 0:
            piece = await asyncio.to_thread(_read, file, content.offset + position, min(left, PIECE_BYTES))
            if not piece:
                return  # shorter than its row says: the length header tells the client
            yield piece
            position, left = position + len(piece), left - len(piece)


def _read(file: BinaryIO, offset: int, count: int) -> bytes:
    file.seek(offset)
    return file.read(count)
