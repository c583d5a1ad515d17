"""A file of audio as an answer, with Range and ETag (RFC 9110, sections 13 and 14). It may be gigabytes long.

Litestar's own file response knows no ranges. One range is served; a request for several gets the whole, as the RFC
allows. It does not know whose file it is.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, BinaryIO

from litestar import Response
from litestar.response import Stream

from app.api.links import AnyRequest
from app.api.problems import answer
from app.audio.export.audio_file import AudioFile
from app.errors import ErrorBody, cannot_open

PIECE_BYTES = 256 * 1024

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII | re.IGNORECASE)


class Unsatisfiable(Exception):
    """The range lies outside of the file."""


async def sent(
    request: AnyRequest,
    find: Callable[[], Awaitable[AudioFile]],
    *,
    name: str,
    range: str | None,
    if_range: str | None,
    if_none_match: str | None,
    reading: Callable[[], AbstractAsyncContextManager[object]] = nullcontext,
) -> Response[Any]:
    """The file that `find` gives, or the part of it that the headers ask for. `name` is without its ending;
    `reading` is entered for as long as its bytes are sent.

    `find` is asked again when its file has gone by the time it is opened. Raises FileNotFoundError when it is gone
    then, too, and `StorageFailed`.
    """
    content, file = await _opened(find)
    etag = f'"{content.version}"'
    total = len(content.header) + content.size
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Content-Disposition": f'attachment; filename="{name}{content.about.suffix}"',
    }
    if if_none_match is not None and (if_none_match.strip() == "*" or etag in _etags(if_none_match)):
        file.close()
        return Response(b"", status_code=304, headers=headers)
    if request.method == "HEAD":
        file.close()
        headers["Content-Length"] = str(total)
        return Response(b"", headers=headers, media_type=content.about.media_type)
    if if_range is not None and if_range.strip() != etag:
        range = None
    try:
        wanted = _wanted(range, total)
    except Unsatisfiable:
        file.close()
        beyond = f"the range lies beyond the end of the file, {total} bytes"
        refusal = answer(request.url.path, 416, ErrorBody("INVALID_REQUEST", beyond))
        refusal.headers["Content-Range"] = f"bytes */{total}"
        return refusal
    first, last = wanted or (0, total - 1)
    headers["Content-Length"] = str(last - first + 1)
    if wanted is not None:
        headers["Content-Range"] = f"bytes {first}-{last}/{total}"
    return Stream(
        _pieces(content, file, first, last + 1, reading),
        status_code=200 if wanted is None else 206,
        headers=headers,
        media_type=content.about.media_type,
    )


async def _opened(find: Callable[[], Awaitable[AudioFile]]) -> tuple[AudioFile, BinaryIO]:
    content = await find()
    try:
        return content, await asyncio.to_thread(open, content.path, "rb")
    except FileNotFoundError:
        content = await find()
    try:
        return content, await asyncio.to_thread(open, content.path, "rb")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise cannot_open("the audio", error) from error


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


async def _pieces(
    content: AudioFile,
    file: BinaryIO,
    first: int,
    end: int,
    reading: Callable[[], AbstractAsyncContextManager[object]],
) -> AsyncGenerator[bytes]:
    """The bytes of [first, end) of head and file together, some at a time."""
    with file:
        async with reading():
            head = content.header[first:end]
            if head:
                yield head
            position = max(0, first - len(content.header))
            left = end - max(first, len(content.header))
            while left > 0:
                piece = await asyncio.to_thread(_read, file, content.offset + position, min(left, PIECE_BYTES))
                if not piece:
                    return  # shorter than its row says: the length header tells the client
                yield piece
                position, left = position + len(piece), left - len(piece)


def _read(file: BinaryIO, offset: int, count: int) -> bytes:
    file.seek(offset)
    return file.read(count)
