"""`DELETE /v1/jobs` and `POST /v1/jobs/prune`: many jobs at once, counted before they go."""

from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from app import SAMPLE_RATE
from app.api.schemas import PruneRequest
from app.api.views.deletion import JobsDeleted, JobsPruned
from app.config import KeepLimits
from app.errors import InvalidRequest
from app.store.rows import HistoryFilter
from app.usecases.deletion import JobDeletion
from app.usecases.retention import Retention


async def deleted(
    deletion: JobDeletion, wanted: HistoryFilter, *, dry_run: bool, expected: int | None, every: bool
) -> JobsDeleted:
    """Count the jobs that match, or delete them. Raises `InvalidRequest` for a request that does not say which
    they are, or how many.
    """
    if every == (wanted != HistoryFilter()):
        why = "leave the filters out, or all" if every else "name a filter, or say all=true to delete every job"
        raise InvalidRequest.about("all", why)
    if dry_run == (expected is not None):
        why = (
            "a dry run expects nothing; leave one of dry_run and expected out"
            if dry_run
            else "ask with dry_run=true how many jobs match, then send that number as expected"
        )
        raise InvalidRequest.about("expected", why)
    found = await deletion.count(wanted) if expected is None else await deletion.delete(wanted, expected=expected)
    return JobsDeleted(
        jobs=found.jobs,
        unfinished=found.unfinished,
        audio_seconds=found.samples / SAMPLE_RATE,
        deleted=expected is not None,
    )


@post("/jobs/prune", operation_id="pruneJobs", tags=["jobs"], status_code=200)
async def prune(data: JSONBody[PruneRequest], retention: NamedDependency[Retention]) -> JobsPruned:
    """Delete the oldest jobs that have ended, until what is left is within the limits; with `dry_run` only count.

    Without a limit in the body, those of the engine's settings count. What somebody hears, follows or downloads at
    the moment stays.
    """
    limits = KeepLimits(days=data.keep_days, jobs=data.keep_jobs, bytes=data.keep_bytes)
    if not limits.given:
        limits = retention.limits
    if not limits.given:
        raise InvalidRequest.about(
            "keep_days", "the engine has no limits of its own; give keep_days, keep_jobs or keep_bytes"
        )
    done = await retention.prune(limits, dry_run=data.dry_run)
    return JobsPruned(jobs=done.jobs, bytes=done.bytes, in_use=done.in_use, deleted=not data.dry_run)
