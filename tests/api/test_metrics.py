"""`GET /v1/metrics`: every metric moves, is documented, and is shown by the dashboard."""

import json
import re
from pathlib import Path
from typing import Any

import anyio
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.api.asking import finished, full_lane, render, speak
from tests.support.client import PATIENCE_S, Engine
from tests.support.pages import text_of
from tests.support.running import modules_loaded_by

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[2]

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def scraped(engine: Engine) -> Samples:
    """Every sample, by its name and labels."""
    response = await engine.http.get("/v1/metrics")
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = text_string_to_metric_families(response.text)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    """The sum of the samples that have these labels; 0 when there is none."""
    wanted = set(labels.items())
    return sum(found for (one, has), found in samples.items() if one == name and wanted <= has)


async def test_what_jobs_do_is_counted(engine: Engine) -> None:
    before = await scraped(engine)
    job = await engine.get(f"/jobs/{await finished(engine, 'A render that is counted.')}")
    await engine.ended(await render(engine, "[error] It fails."))
    await engine.ended(await speak(engine, "Somebody listens."))
    after = await scraped(engine)

    assert value(before, "q3tts_jobs") == 0
    assert value(after, "q3tts_jobs", lane="render", status="completed") == 1
    assert value(after, "q3tts_jobs", lane="render", status="failed") == 1
    assert value(after, "q3tts_jobs", lane="speak", status="completed") == 1
    assert value(after, "q3tts_queue_seconds_count") == 3
    assert value(after, "q3tts_queue_seconds_sum") > 0
    assert value(after, "q3tts_first_audio_seconds_count", lane="render") == 1
    assert value(after, "q3tts_first_audio_seconds_count", lane="speak") == 1
    assert value(after, "q3tts_first_audio_seconds_bucket", lane="speak", le="+Inf") == 1
    assert value(after, "q3tts_real_time_factor_count", model="fake") == 2
    audio_s = job["progress"]["audio_seconds"]
    assert value(after, "q3tts_audio_seconds_total", lane="render", model="fake") == pytest.approx(audio_s)
    assert value(after, "q3tts_work_seconds_total", lane="render") > 0
    assert value(after, "q3tts_refused_takes_total", lane="render", model="fake") == 3
    assert value(before, "q3tts_refused_takes_total") == 0


async def test_the_queue_and_what_the_model_speaks_are_seen_while_they_last(engine: Engine) -> None:
    async with full_lane(engine):
        waits = await render(engine, "It waits.")
        with anyio.fail_after(PATIENCE_S):
            while not value(samples := await scraped(engine), "q3tts_batch_rows", model="fake"):
                pass
        await engine.delete(f"/jobs/{waits}")

    assert value(samples, "q3tts_jobs", lane="render", status="queued") == 1
    assert value(samples, "q3tts_jobs", lane="render", status="running") > 1
    assert value(samples, "q3tts_jobs", lane="speak", status="queued") == 0


async def test_workers_that_start_and_die_and_their_memory_are_seen(engine: Engine) -> None:
    await finished(engine, "[die:once] It is spoken by another.")
    samples = await scraped(engine)

    assert value(samples, "q3tts_worker_starts_total", model="fake") == 2
    assert value(samples, "q3tts_worker_losses_total", model="fake") == 1
    assert value(samples, "q3tts_resident_memory_bytes", process="engine") > 10e6
    assert value(samples, "q3tts_resident_memory_bytes", process="worker", model="fake") > 1e6
    assert 0 < value(samples, "q3tts_disk_free_bytes") <= value(samples, "q3tts_disk_total_bytes")


async def test_subscribers_are_seen_while_they_are_there(engine: Engine) -> None:
    job_id = await finished(engine)

    async with engine.socket("/events"), engine.parts.jobs.follow(job_id):
        with anyio.fail_after(PATIENCE_S):
            while not value(samples := await scraped(engine), "q3tts_subscribers", kind="events"):
                pass

    assert value(samples, "q3tts_subscribers", kind="job") == 1
    assert value(samples, "q3tts_websockets") == 1
    with anyio.fail_after(PATIENCE_S):
        while value(samples := await scraped(engine), "q3tts_websockets"):
            pass
    assert value(samples, "q3tts_subscribers") == 0


async def test_requests_are_counted_by_their_route_and_never_by_what_a_client_makes_up(engine: Engine) -> None:
    job_id = await finished(engine)
    await engine.get(f"/jobs/{job_id}")
    await engine.get("/no/such/route", 404)
    await engine.http.get("/v1/health", headers={"Authorization": "Bearer wrong"})
    await engine.http.request("BREW", "/v1/health")
    samples = await scraped(engine)

    requests = "q3tts_http_requests_total"
    assert value(samples, requests, method="GET", route="/v1/jobs/{job_id}", status="200") > 0
    assert value(samples, requests, method="GET", route="none", status="404") == 1
    assert value(samples, requests, method="GET", route="none", status="401") == 1
    assert value(samples, requests, method="other") == 1
    assert value(samples, "q3tts_http_seconds_count", method="GET") > 0
    assert job_id not in str(samples)


async def test_metrics_need_the_token(engine: Engine) -> None:
    assert (await engine.http.get("/v1/metrics", headers={"Authorization": ""})).status_code == 401


def test_an_engine_that_is_not_asked_for_metrics_does_not_load_their_library() -> None:
    assert "prometheus_client" not in modules_loaded_by("app.engine.serving", "app.engine.build")


async def described(engine: Engine) -> dict[str, str]:
    """The type of every metric."""
    text = (await engine.http.get("/v1/metrics")).text
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))


async def test_every_metric_is_documented_and_no_other(engine: Engine) -> None:
    page = text_of("docs/metrics.md")

    assert dict(re.findall(r"^\| `(q3tts_\w+)` \| (\w+) \|", page, re.MULTILINE)) == await described(engine)


async def test_the_dashboard_asks_for_metrics_that_there_are(engine: Engine) -> None:
    dashboard: dict[str, Any] = json.loads((ROOT / "docs" / "grafana.json").read_text())
    kinds = await described(engine)
    there = {
        name
        for metric, kind in kinds.items()
        for name in (
            [metric] if kind != "histogram" else [f"{metric}_{part}" for part in ("bucket", "sum", "count")]
        )
    }
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    names = {name for query in asked for name in re.findall(r"q3tts_\w+", query)}

    assert asked
    assert names <= there
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) if name not in kinds else name for name in names}
    assert shown == set(kinds)
