"""Jobs as these tests ask for them, and the states that a job can be in."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import anyio

from tests.support.client import PATIENCE_S, Engine
from tests.support.fakes import VOICE_ID

#: How many jobs of a lane run at once: when all of these are held, the next stays queued.
AT_WORK = 8


async def render(engine: Engine, text: str, **fields: Any) -> str:
    """Submit a render job; its id."""
    return (await engine.post("/jobs", {"voice_id": VOICE_ID, "text": text, **fields}, 201))["job_id"]


async def speak(engine: Engine, text: str, **fields: Any) -> str:
    """Submit a speak job; its id."""
    return (await engine.post("/speak", {"voice_id": VOICE_ID, "text": text, **fields}))["job_id"]


async def finished(engine: Engine, text: str = "Said and done.", **fields: Any) -> str:
    """A completed render job."""
    job_id = await render(engine, text, **fields)
    assert (await engine.ended(job_id))["status"] == "completed"
    return job_id


@asynccontextmanager
async def full_lane(engine: Engine) -> AsyncGenerator[None]:
    """Keep all places of the render lane taken: what is submitted meanwhile stays queued."""
    held = [await render(engine, "[hold:never] Held.") for _ in range(AT_WORK)]
    try:
        for job_id in held:
            await engine.until(job_id, "running")
        yield
    finally:
        for job_id in held:
            await engine.delete(f"/jobs/{job_id}")


@asynccontextmanager
async def job_in(engine: Engine, status: str) -> AsyncGenerator[str]:
    """A render job in that state, which stays there; deleted at the end if it is still there."""
    text = {"completed": "Fine.", "failed": "[error] Not fine."}.get(status, "[hold:never] Held for good.")
    async with full_lane(engine) if status == "queued" else nullcontext():
        job_id = await render(engine, text)
        try:
            if status in ("running", "paused", "canceled"):
                await has_files(engine, job_id)
            if status in ("paused", "canceled"):
                await engine.post(f"/jobs/{job_id}/{'pause' if status == 'paused' else 'cancel'}")
            await engine.until(job_id, status)
            yield job_id
        finally:
            await engine.http.delete(f"/v1/jobs/{job_id}")


async def has_files(engine: Engine, job_id: str) -> None:
    """Wait until the job's audio has a place on the disk: it is claimed, planned, and being spoken."""
    with anyio.fail_after(PATIENCE_S):
        while not (engine.data_dir / "jobs" / job_id / "audio.idx").exists():
            await anyio.sleep(0.02)


def with_ids(path: str) -> str:
    """A path of the OpenAPI document, with ids that nothing has."""
    return path.format(job_id=uuid4(), voice_id=uuid4(), model_id="none")


def open_files() -> list[str]:
    """The files that this process has open, on Linux."""
    paths: list[str] = []
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # closed meanwhile
            paths.append(str(entry.readlink()))
    return paths
