"""`GET /v1/jobs/stats`: totals over the jobs of an engine, and what is refused."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.api.asking import finished, render
from tests.api.raw import error_in
from tests.support.client import Engine
from tests.support.fakes import VOICE_ID

pytestmark = pytest.mark.anyio


async def stats(engine: Engine, **params: Any) -> dict[str, Any]:
    return await engine.get("/jobs/stats", params=params)


async def test_totals_are_of_all_jobs_and_stay_when_one_is_deleted(shared: Engine) -> None:
    before = (await stats(shared))["total"]
    job_id = await finished(shared, "Counted for good.")
    failed = await render(shared, "[error] Counted as failed.")
    await shared.ended(failed)
    job = await shared.get(f"/jobs/{job_id}")
    await shared.http.delete(f"/v1/jobs/{job_id}")

    after = (await stats(shared))["total"]

    grown = {name: after[name] - before[name] for name in before}
    assert (grown["jobs"], grown["completed"], grown["failed"], grown["canceled"]) == (2, 1, 1, 0)
    assert grown["characters"] == len("Counted for good.") + len("[error] Counted as failed.")
    assert grown["audio_seconds"] == pytest.approx(job["progress"]["audio_seconds"])
    assert grown["work_seconds"] >= 0.99 * job["progress"]["work_seconds"]
    assert grown["refused_takes"] == 3


async def test_groups_have_what_they_are_grouped_by_and_nothing_else(shared: Engine) -> None:
    await finished(shared, "In a group.")
    today = datetime.now(UTC).date()

    by_lane = (await stats(shared, by="lane", voice_id=VOICE_ID))["groups"]
    all_four = (await stats(shared, by=["day", "model", "voice", "lane"], first_day=str(today.replace(day=1))))[
        "groups"
    ]

    (render_lane,) = [one for one in by_lane if one["lane"] == "render"]
    assert (render_lane["day"], render_lane["model_id"], render_lane["voice_id"]) == (None, None, None)
    (group, *_) = [one for one in all_four if (one["voice_id"], one["lane"]) == (VOICE_ID, "render")]
    assert group["model_id"] == "fake"
    assert datetime.fromisoformat(group["day"]).date() <= today
    assert group["jobs"] > 0


@pytest.mark.parametrize("first_day", ["1969-12-31", "0001-01-01"])
async def test_days_before_the_first_add_nothing(shared: Engine, first_day: str) -> None:
    await finished(shared, "Counted once.")

    found = await stats(shared, first_day=first_day, by="day")

    assert found["total"] == (await stats(shared))["total"]
    assert min(group["day"] for group in found["groups"]) > "1970-01-01"


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"by": "week"}, 'it can be "day" or "lane" or "model" or "voice"'),
        ({"first_day": "yesterday"}, "first_day is not a date such as 2026-11-30"),
        ({"last_day": "2026-11-30T10:00:00Z"}, "last_day is not a date such as 2026-11-30"),
        ({"first_day": "2026-W49-1"}, "first_day is not a date such as 2026-11-30"),
        ({"first_day": "20261130.."}, "first_day is not a date such as 2026-11-30"),
        ({"status": "failed"}, "this route has no such parameter"),
    ],
)
async def test_what_cannot_be_asked_is_refused(shared: Engine, params: dict[str, str], said: str) -> None:
    response = await shared.http.get("/v1/jobs/stats", params=params)

    assert response.status_code == 400
    assert said in error_in(response)["message"]
