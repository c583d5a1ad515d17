"""`/v1/jobs`: submit, history, one job, control. Its audio is in `audio.py`."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, MediaType, Response, delete, get, post, put
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, HeaderParameter, JSONBody, QueryParameter

from app import SAMPLE_RATE
from app.api.deletion import deleted
from app.api.filters import history_filter
from app.api.links import AnyRequest, ws_url
from app.api.paging import cursor_of, position_of
from app.api.schemas import SubmitRequest
from app.api.text_operation import SubmitOperation
from app.api.views.deletion import JobsDeleted
from app.api.views.jobs import ArtifactList, ArtifactView, ChunkList, ChunkView, JobPage, JobView
from app.api.views.shared import Deleted
from app.inference.model import Lane
from app.scheduler.progress import progress_of
from app.scheduler.scheduler import Scheduler
from app.store.rows import HistoryFilter, Job, JobStatus
from app.store.stores import Stores
from app.usecases.deletion import JobDeletion
from app.usecases.jobs import Jobs

IdempotencyKey = Annotated[str | None, HeaderParameter(name="Idempotency-Key", min_length=1, max_length=255)]
Expected = Annotated[int | None, QueryParameter(ge=0, description="The count that dry_run=true has given")]


class JobController(Controller):
    """Jobs."""

    path = "/jobs"
    tags = ["jobs"]  # noqa: RUF012 - Litestar's own attribute
    # A `summary` is given where the OpenAPI document has had another word than the method.

    @post(operation_id="submitJob", operation_class=SubmitOperation)
    async def submit(
        self,
        data: JSONBody[SubmitRequest],
        jobs: NamedDependency[Jobs],
        stores: NamedDependency[Stores],
        request: AnyRequest,
        idempotency_key: IdempotencyKey = None,
    ) -> Response[JobView]:
        """Queue text to be rendered into a file. With an `Idempotency-Key`, sending it again is harmless."""
        job, fresh = await jobs.submit(data.job(Lane.RENDER), idempotency_key=idempotency_key)
        return await _submitted(job, fresh, stores, request)

    @put("/{job_id:uuid}", operation_id="putJob", operation_class=SubmitOperation, summary="SubmitAs")
    async def put_job(
        self,
        job_id: FromPath[UUID],
        data: JSONBody[SubmitRequest],
        jobs: NamedDependency[Jobs],
        stores: NamedDependency[Stores],
        request: AnyRequest,
    ) -> Response[JobView]:
        """Queue a job under an id of the client's own; sending it again is harmless."""
        job, fresh = await jobs.submit(data.job(Lane.RENDER), job_id=str(job_id))
        return await _submitted(job, fresh, stores, request)

    @get(operation_id="listJobs", summary="Page", dependencies={"wanted": Provide(history_filter)})
    async def list_jobs(
        self,
        stores: NamedDependency[Stores],
        wanted: NamedDependency[HistoryFilter],
        request: AnyRequest,
        cursor: FromQuery[str | None] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=200)] = 50,
    ) -> JobPage:
        """The history, newest first. Every filter that is given must hold; `status` may be given repeatedly.

        `text` finds its words, three characters or more (two in Chinese, Japanese, Korean, Thai and the like),
        anywhere in the title and the first 2,000 characters.
        """
        found, next_position = await stores.history.page(wanted, after=position_of(cursor), limit=limit)
        views = [JobView.of(job, progress_of(job), ws_url(request, job.id)) for job in found]
        return JobPage(views, cursor_of(next_position))

    @delete(
        operation_id="deleteJobs",
        summary="ForgetAll",
        status_code=200,
        dependencies={"wanted": Provide(history_filter)},
    )
    async def delete_jobs(
        self,
        wanted: NamedDependency[HistoryFilter],
        deletion: NamedDependency[JobDeletion],
        dry_run: FromQuery[bool] = False,
        expected: Expected = None,
        all: FromQuery[bool] = False,
    ) -> JobsDeleted:
        """Forget all jobs that match the filters of `GET /v1/jobs`; those that are not final are canceled first.

        First ask with `dry_run=true` how many they are, then send that number as `expected`: if another number
        matches by then, nothing is deleted. Without a filter it takes `all=true`.
        """
        return await deleted(deletion, wanted, dry_run=dry_run, expected=expected, every=all)

    @get("/{job_id:uuid}", operation_id="getJob", summary="One")
    async def get_job(
        self, job_id: FromPath[UUID], stores: NamedDependency[Stores], request: AnyRequest
    ) -> JobView:
        """One job, with its progress, rates and, while it waits, its place in the queue."""
        return await _view(await stores.jobs.get(str(job_id)), stores, request)

    @get("/{job_id:uuid}/text", operation_id="getText", summary="Text", media_type=MediaType.TEXT)
    async def get_text(self, job_id: FromPath[UUID], stores: NamedDependency[Stores]) -> str:
        """The job's text exactly as it was submitted, in UTF-8."""
        return await stores.jobs.text(await stores.jobs.get(str(job_id)))

    @get("/{job_id:uuid}/chunks", operation_id="listChunks", summary="Chunks")
    async def list_chunks(
        self,
        job_id: FromPath[UUID],
        stores: NamedDependency[Stores],
        start: Annotated[int, QueryParameter(ge=0, lt=2**31)] = 0,
        limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 200,
    ) -> ChunkList:
        """The job's chunks in the order of the text; none before the job has started."""
        rows = await stores.chunks.list(await stores.jobs.get(str(job_id)), start=start, limit=limit + 1)
        views = [ChunkView.of(row, SAMPLE_RATE) for row in rows[:limit]]
        return ChunkList(views, start + limit if len(rows) > limit else None)

    @get("/{job_id:uuid}/artifacts", operation_id="listArtifacts", summary="Artifacts")
    async def list_artifacts(self, job_id: FromPath[UUID], stores: NamedDependency[Stores]) -> ArtifactList:
        """The files made from the job's audio."""
        job = await stores.jobs.get(str(job_id))
        made = [await stores.jobs.artifact(job, format) for format in dict.fromkeys(job.formats)]
        return ArtifactList([ArtifactView.of(one, job.id, SAMPLE_RATE) for one in made if one is not None])

    @post("/{job_id:uuid}/cancel", operation_id="cancelJob", status_code=200)
    async def cancel(
        self,
        job_id: FromPath[UUID],
        scheduler: NamedDependency[Scheduler],
        stores: NamedDependency[Stores],
        request: AnyRequest,
    ) -> JobView:
        """Cancel the job; answered when it is final. One that had ended before stays as it is."""
        return await _view(await scheduler.cancel(str(job_id)), stores, request)

    @post("/{job_id:uuid}/pause", operation_id="pauseJob", status_code=200)
    async def pause(
        self,
        job_id: FromPath[UUID],
        scheduler: NamedDependency[Scheduler],
        stores: NamedDependency[Stores],
        request: AnyRequest,
    ) -> JobView:
        """Let the job rest; it keeps its audio and its place."""
        return await _view(await scheduler.pause(str(job_id)), stores, request)

    @post("/{job_id:uuid}/resume", operation_id="resumeJob", status_code=200)
    async def resume(
        self,
        job_id: FromPath[UUID],
        scheduler: NamedDependency[Scheduler],
        stores: NamedDependency[Stores],
        request: AnyRequest,
    ) -> JobView:
        """Let a paused job go on."""
        return await _view(await scheduler.resume(str(job_id)), stores, request)

    @post("/{job_id:uuid}/retry", operation_id="retryJob", status_code=200)
    async def retry(
        self,
        job_id: FromPath[UUID],
        scheduler: NamedDependency[Scheduler],
        stores: NamedDependency[Stores],
        request: AnyRequest,
    ) -> JobView:
        """Continue a failed or canceled job after the chunks it has."""
        return await _view(await scheduler.retry(str(job_id)), stores, request)

    @delete("/{job_id:uuid}", operation_id="deleteJob", summary="Forget", status_code=200)
    async def delete_job(self, job_id: FromPath[UUID], jobs: NamedDependency[Jobs]) -> Deleted:
        """Forget the job, its audio and its files; one that is not final is canceled first."""
        await jobs.delete(str(job_id))
        return Deleted(True)


async def _submitted(job: Job, fresh: bool, stores: Stores, request: AnyRequest) -> Response[JobView]:
    headers = {"Location": f"/v1/jobs/{job.id}"}
    if not fresh:
        headers["Idempotent-Replayed"] = "true"
    view = await _view(job, stores, request)
    return Response(view, status_code=201 if fresh else 200, headers=headers)


async def _view(job: Job, stores: Stores, request: AnyRequest) -> JobView:
    place = await stores.jobs.place(job) if job.status is JobStatus.QUEUED else None
    return JobView.of(job, progress_of(job, queue_position=place), ws_url(request, job.id))
