"""A follower who sets the pace: no more is spoken than a while ahead of what was heard, and nothing is lost."""

from typing import Any

import anyio
import pytest

from app.events import AudioChunk, JobDone
from app.inference.model import Lane
from app.scheduler.job_run import MAX_UNHEARD_CHARS
from app.store.rows import Settings
from app.usecases.jobs import Request
from tests.support.client import PATIENCE_S, Engine
from tests.support.fakes import VOICE_ID

pytestmark = pytest.mark.anyio

TEXT = "They walked to the harbour, and nobody said a word. " * 200
PLAIN = Settings(max_chars=200)

#: The chunk that is being spoken when the pace is known, those after it that are asked for, and their lengths.
SLACK_CHARS = 4 * 200


async def submitted(engine: Engine) -> str:
    asked = Request(lane=Lane.SPEAK, voice=VOICE_ID, text=TEXT, language="", settings=PLAIN, seed=1)
    return (await engine.parts.jobs.submit(asked))[0].id


async def spoken_chars(engine: Engine, job_id: str) -> int:
    progress = (await engine.get(f"/jobs/{job_id}"))["progress"]
    return progress["characters_done"]


async def rests(engine: Engine, job_id: str) -> int:
    """How far a job is that gets no further."""
    before = -1
    with anyio.fail_after(PATIENCE_S):
        while (now := await spoken_chars(engine, job_id)) != before or now == 0:
            before = now
            await anyio.sleep(0.2)
    return now


async def test_no_more_is_spoken_than_a_while_ahead_of_what_is_heard(engine: Engine) -> None:
    job_id = await submitted(engine)

    async with engine.parts.jobs.follow(job_id, backpressure=True) as events:
        at_first = await rests(engine, job_id)
        engine.parts.jobs.report_playhead(job_id, at_first - MAX_UNHEARD_CHARS + 500)
        assert await rests(engine, job_id) == at_first, "it rests for a while"
        engine.parts.jobs.report_playhead(job_id, 3_000)
        later = await rests(engine, job_id)
        heard: list[Any] = []
        async for event in events:
            heard.append(event)
            if isinstance(event, AudioChunk):
                engine.parts.jobs.report_playhead(job_id, event.text_range.start_char)

    assert MAX_UNHEARD_CHARS <= at_first <= MAX_UNHEARD_CHARS + SLACK_CHARS
    assert 3_000 + MAX_UNHEARD_CHARS <= later <= 3_000 + MAX_UNHEARD_CHARS + SLACK_CHARS
    assert isinstance(heard[-1], JobDone)
    chunks = [event for event in heard if isinstance(event, AudioChunk)]
    assert chunks[-1].text_range.end_char >= len(TEXT.rstrip())


async def test_a_job_whose_pacing_follower_has_gone_is_spoken_to_its_end(engine: Engine) -> None:
    job_id = await submitted(engine)
    async with engine.parts.jobs.follow(job_id, backpressure=True):
        await rests(engine, job_id)

    assert (await engine.ended(job_id))["status"] == "completed"


async def test_followers_who_only_listen_hold_up_nothing(engine: Engine) -> None:
    job_id = await submitted(engine)
    async with engine.parts.jobs.follow(job_id):
        engine.parts.jobs.report_playhead(job_id, 0)  # not one who sets the pace

        assert (await engine.ended(job_id))["status"] == "completed"
