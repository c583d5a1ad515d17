"""`GET /v1/jobs/export`: the history as a file, page by page as the client reads it, in constant memory."""

import csv
import io
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, Literal

import msgspec
from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.params import FromQuery
from litestar.response import Stream

from app import SAMPLE_RATE
from app.api.filters import history_filter
from app.api.links import AnyRequest, ws_url
from app.api.views.jobs import JobView
from app.api.views.shared import when
from app.scheduler.progress import progress_of
from app.store.history import History, Position
from app.store.rows import HistoryFilter, Job
from app.store.stores import Stores

#: How many jobs are read at once.
PAGE = 200

MEDIA_TYPES = {"csv": "text/csv; header=present", "jsonl": "application/x-ndjson"}

#: The columns of the CSV file, and what they have.
COLUMNS: dict[str, Callable[[Job], object]] = {
    "job_id": lambda job: job.id,
    "lane": lambda job: job.lane,
    "status": lambda job: job.status,
    "title": lambda job: job.title,
    "tags": lambda job: _json(job.tags),
    "voice_id": lambda job: job.voice_id,
    "model_id": lambda job: job.model_id,
    "language": lambda job: job.language,
    "seed": lambda job: job.seed,
    "settings": lambda job: _json(job.settings),
    "formats": lambda job: _json(job.formats),
    "characters": lambda job: job.characters,
    "characters_done": lambda job: job.characters_done,
    "chunks_total": lambda job: job.chunks_total,
    "chunks_done": lambda job: job.chunks_done,
    "refused_takes": lambda job: job.refused_takes,
    "audio_seconds": lambda job: job.samples / SAMPLE_RATE,
    "work_seconds": lambda job: job.work_us / 1e6,
    "created_at": lambda job: _time(job.created_at),
    "started_at": lambda job: _time(job.started_at),
    "finished_at": lambda job: _time(job.finished_at),
    "error_code": lambda job: job.error and job.error.code,
    "error_message": lambda job: job.error and job.error.message,
}


@get(
    "/jobs/export",
    operation_id="exportJobs",
    tags=["jobs"],
    dependencies={"wanted": Provide(history_filter)},
)
async def export(
    wanted: NamedDependency[HistoryFilter],
    stores: NamedDependency[Stores],
    request: AnyRequest,
    format: FromQuery[Literal["csv", "jsonl"]] = "jsonl",
) -> Stream:
    """The history as one file, newest first: CSV with a header, or JSON lines with a job as in `GET /v1/jobs`.

    Takes the filters of `GET /v1/jobs`. Jobs that are submitted while it is sent are not in it.
    """

    def line(job: Job) -> bytes:
        view = JobView.of(job, progress_of(job), ws_url(request, job.id))
        return msgspec.json.encode(view) + b"\n"

    # The first page before the status: what fails by then is an answer, not a file that breaks off.
    first = await stores.history.page(wanted, after=None, limit=PAGE)
    pages = _pages(stores.history, wanted, first)
    return Stream(
        _csv(pages) if format == "csv" else _lines(pages, line),
        media_type=MEDIA_TYPES[format],
        headers={"Content-Disposition": f'attachment; filename="jobs.{format}"'},
    )


async def _pages(
    history: History, wanted: HistoryFilter, first: tuple[list[Job], Position | None]
) -> AsyncGenerator[list[Job]]:
    found, after = first
    yield found
    while after is not None:
        found, after = await history.page(wanted, after=after, limit=PAGE)
        yield found


async def _lines(pages: AsyncGenerator[list[Job]], line: Callable[[Job], bytes]) -> AsyncGenerator[bytes]:
    async for page in pages:
        yield b"".join(map(line, page))


async def _csv(pages: AsyncGenerator[list[Job]]) -> AsyncGenerator[bytes]:
    """RFC 4180, in UTF-8."""
    yield _rows([list(COLUMNS)])
    async for page in pages:
        yield _rows([[value(job) for value in COLUMNS.values()] for job in page])


def _rows(rows: Sequence[Sequence[object]]) -> bytes:
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    return file.getvalue().encode()


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _time(microseconds: int | None) -> str | None:
    return None if microseconds is None else when(microseconds).isoformat().replace("+00:00", "Z")
