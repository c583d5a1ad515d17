"""`GET /v1/health`."""

import anyio
import pytest

from app import __version__
from tests.api.asking import finished, job_in
from tests.conftest import Starter
from tests.support.client import PATIENCE_S, Engine

pytestmark = pytest.mark.anyio


async def test_an_engine_at_rest_says_what_it_is_and_what_it_can(engine: Engine) -> None:
    health = await engine.get("/health")

    assert health == {
        "engine_version": __version__,
        "active_model_id": "fake",
        "device": "cpu",
        "blas": None,
        "gflops": None,
        "warnings": [],
        "capabilities": {
            "supports_voice_clone": True,
            "supports_voice_design": False,
            "supports_instruct": False,
            "supports_transcription": False,
            "supports_audio_chunk_stream": True,
            "supports_true_streaming_inference": True,
            "languages": ["en", "auto"],
        },
        "jobs_queued": 0,
        "jobs_running": 0,
        "worker_running": False,
    }


async def test_the_worker_is_seen_to_come_with_the_first_job_and_to_go_after_a_rest(start: Starter) -> None:
    async with start(idle_unload_s=0.01) as engine:
        async with job_in(engine, "running"):
            with anyio.fail_after(PATIENCE_S):
                while not (health := await engine.get("/health"))["worker_running"]:
                    pass
            assert (health["worker_running"], health["jobs_running"], health["jobs_queued"]) == (True, 1, 0)
        with anyio.fail_after(PATIENCE_S):
            while (await engine.get("/health"))["worker_running"]:
                pass
        assert await finished(engine, "It comes back for the next job.")


async def test_a_processor_that_is_too_slow_is_a_warning_with_its_remedy(start: Starter) -> None:
    async with start(gflops="3.61") as engine:
        before = await engine.get("/health")
        assert await finished(engine, "The worker says what it computes on.")
        health = await engine.get("/health")

    assert (before["blas"], before["gflops"], before["warnings"]) == (None, None, [])
    assert (health["blas"], health["gflops"]) == ("BLAS of tests", 3.6)
    [warning] = health["warnings"]
    assert warning["code"] == "SLOW_PROCESSOR"
    assert "BLAS of tests multiplies at 3.6 GFLOP/s" in warning["message"]
    assert "choose a smaller one" in warning["message"]


async def test_a_processor_that_is_fast_enough_is_reported_without_a_warning(start: Starter) -> None:
    async with start(gflops="115.04") as engine:
        assert await finished(engine, "It has OpenBLAS.")
        health = await engine.get("/health")

    assert (health["blas"], health["gflops"], health["warnings"]) == ("BLAS of tests", 115.0, [])


async def test_waiting_jobs_are_counted_apart_from_running_ones(shared: Engine) -> None:
    async with job_in(shared, "queued"):
        health = await shared.get("/health")

    assert (health["jobs_queued"], health["jobs_running"]) == (1, 8)
