"""`DELETE /v1/jobs` and `POST /v1/jobs/prune`: many jobs at once, counted first, and nothing that is in use."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import anyio
import pytest

from app.config import KeepLimits
from app.store.clock import now_us
from app.store.rows import Changes, JobStatus
from app.usecases.retention import Retention
from tests.api.asking import finished, has_files, render
from tests.api.raw import error_in
from tests.support.client import Engine

pytestmark = pytest.mark.anyio


async def delete(engine: Engine, status: int = 200, **params: Any) -> dict[str, Any]:
    response = await engine.http.delete("/v1/jobs", params=params)
    assert response.status_code == status, response.text
    return response.json()


async def prune(engine: Engine, **body: Any) -> dict[str, Any]:
    return await engine.post("/jobs/prune", body)


async def left(engine: Engine) -> list[str]:
    return [job["job_id"] for job in (await engine.get("/jobs"))["jobs"]]


def folders(engine: Engine) -> list[str]:
    return sorted(path.name for path in Path(engine.data_dir / "jobs").iterdir())


async def test_a_dry_run_counts_and_deletes_nothing(shared: Engine) -> None:
    tag = str(uuid4())
    done = await finished(shared, "Counted.", tags=[tag])
    held = await render(shared, "[hold:never] Held.", tags=[tag])
    audio = (await shared.get(f"/jobs/{done}"))["progress"]["audio_seconds"]

    counted = await delete(shared, tag=tag, dry_run="true")

    assert (counted["jobs"], counted["unfinished"], counted["deleted"]) == (2, 1, False)
    assert counted["audio_seconds"] >= audio > 0
    assert (await shared.get(f"/jobs/{done}"))["status"] == "completed"
    await shared.delete(f"/jobs/{held}")


async def test_what_was_counted_is_deleted_with_its_files_and_what_runs_is_canceled_first(shared: Engine) -> None:
    tag = str(uuid4())
    gone = [await finished(shared, "Gone.", tags=[tag]) for _ in range(3)]
    gone.append(await render(shared, "[hold:never] Gone, too.", tags=[tag]))
    await has_files(shared, gone[-1])
    stays = await finished(shared, "It stays.")

    deleted = await delete(shared, tag=tag, expected=4)

    assert (deleted["jobs"], deleted["unfinished"], deleted["deleted"]) == (4, 1, True)
    for job_id in gone:
        await shared.get(f"/jobs/{job_id}", 404)
    assert not {*gone} & {*folders(shared)}
    assert (await shared.get(f"/jobs/{stays}"))["status"] == "completed"
    assert (await delete(shared, tag=tag, dry_run="true"))["jobs"] == 0


@pytest.mark.parametrize("expected", [0, 2])
async def test_nothing_is_deleted_when_another_number_matches_by_then(shared: Engine, expected: int) -> None:
    tag = str(uuid4())
    job_id = await finished(shared, "It stays.", tags=[tag])

    error = (await delete(shared, 409, tag=tag, expected=expected))["error"]

    assert (error["code"], error["details"]) == ("COUNT_CHANGED", {"jobs": 1, "expected": expected})
    assert (await shared.get(f"/jobs/{job_id}"))["status"] == "completed"


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({}, "all"),
        ({"expected": "3"}, "all"),
        ({"all": "true", "status": "failed", "dry_run": "true"}, "all"),
        ({"status": "failed"}, "expected"),
        ({"status": "failed", "dry_run": "true", "expected": "3"}, "expected"),
        ({"status": "failed", "expected": "-1"}, "expected"),
        ({"status": "failed", "expcted": "1"}, "expcted"),
    ],
)
async def test_a_deletion_that_does_not_say_what_and_how_many_is_refused(
    shared: Engine, params: dict[str, str], field: str
) -> None:
    response = await shared.http.delete("/v1/jobs", params=params)

    assert response.status_code == 400
    assert error_in(response)["details"]["fields"][0]["field"] == field


async def test_all_of_them_are_deleted_when_that_is_said(engine: Engine) -> None:
    for _ in range(3):
        await finished(engine)

    assert (await delete(engine, all="true", expected=3))["jobs"] == 3

    assert (await left(engine), folders(engine)) == ([], [])


async def of_age(engine: Engine, days: Sequence[float]) -> list[str]:
    """Completed jobs that ended this long ago."""
    made: list[str] = []
    for age in days:
        job_id = await finished(engine, "Old enough.")
        job = await engine.parts.stores.jobs.get(job_id)
        ended = now_us() - round(age * 86_400_000_000)
        await engine.parts.stores.jobs.move(
            job, before=[JobStatus.COMPLETED], to=JobStatus.COMPLETED, changes=Changes(finished_at=ended)
        )
        made.append(job_id)
    return made


async def test_each_limit_lets_the_oldest_go(engine: Engine) -> None:
    oldest, older, newer, newest = await of_age(engine, (40, 20, 10, 0))
    size = 2 * (await engine.parts.stores.jobs.get(oldest)).samples

    def of(jobs: int) -> dict[str, Any]:
        return {"jobs": jobs, "bytes": jobs * size, "in_use": 0, "deleted": False}

    assert await prune(engine, keep_days=30, dry_run=True) == of(1)
    assert await prune(engine, keep_jobs=1, dry_run=True) == of(3)
    assert await prune(engine, keep_bytes=2 * size, dry_run=True) == of(2)
    assert await prune(engine, keep_bytes=2 * size - 1, dry_run=True) == of(3)
    assert await prune(engine, keep_days=30, keep_jobs=2, keep_bytes=10 * size, dry_run=True) == of(2)
    assert await left(engine) == [newest, newer, older, oldest]

    assert await prune(engine, keep_jobs=2) == {**of(2), "deleted": True}

    assert await left(engine) == [newest, newer]
    assert folders(engine) == sorted([newest, newer])


async def test_what_has_not_ended_and_what_somebody_follows_stays(engine: Engine) -> None:
    followed, free = await of_age(engine, (40, 40))
    running = await render(engine, "[hold:never] Held.")
    await has_files(engine, running)

    async with engine.parts.jobs.follow(followed):
        pruned = await prune(engine, keep_days=1)

    assert (pruned["jobs"], pruned["in_use"]) == (1, 1)
    assert set(await left(engine)) == {followed, running}
    assert free not in folders(engine)
    assert (await prune(engine, keep_days=1))["jobs"] == 1
    assert await left(engine) == [running]


async def test_without_any_limit_nothing_is_pruned(engine: Engine) -> None:
    (job_id,) = await of_age(engine, (400,))

    error = (await engine.post("/jobs/prune", {}, 400))["error"]

    assert "no limits of its own" in error["message"]
    assert await left(engine) == [job_id]
    await engine.parts.retention.run(first_after_s=0)  # it ends at once
    assert await left(engine) == [job_id]


@pytest.mark.parametrize("body", [{"keep_days": 0}, {"keep_jobs": 0}, {"keep_bytes": -1}, {"keep_weeks": 1}])
async def test_limits_that_make_no_sense_are_refused(engine: Engine, body: dict[str, int]) -> None:
    assert (await engine.post("/jobs/prune", body, 400))["error"]["code"] == "INVALID_REQUEST"


async def test_the_limits_of_the_settings_are_kept_to_without_being_asked(engine: Engine) -> None:
    old, new = await of_age(engine, (40, 0))
    parts = engine.parts
    retention = Retention(
        limits=KeepLimits(days=30), history=parts.stores.history, deletion=parts.deletion, logs=parts.logs
    )

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: retention.run(first_after_s=0, every_s=0.01))
        with anyio.fail_after(30):
            while old in await left(engine):
                await anyio.sleep(0.01)
        tasks.cancel_scope.cancel()

    assert await left(engine) == [new]
