"""`GET /v1/health`."""

import anyio
import pytest

from app import __version__
from tests.api.asking import finished, job_in
from tests.client import PATIENCE_S, Engine
from tests.conftest import Starter

pytestmark = pytest.mark.anyio


async def test_an_engine_at_rest_says_what_it_is_and_what_it_can(engine: Engine) -> None:
    health = await engine.get("/health")

    assert health == {
        "engine_version": __version__,
        "active_model_id": "fake",
        "device": "cpu",
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


async def test_jobs_that_wait_are_counted_apart_from_those_at_work(shared: Engine) -> None:
    async with job_in(shared, "queued"):
        health = await shared.get("/health")

    assert (health["jobs_queued"], health["jobs_running"]) == (1, 8)
