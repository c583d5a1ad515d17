"""`WS /v1/events`: what happens to all jobs, without audio, from now on."""

import json

import anyio
import pytest

from app.events import JobDone, JobStarted
from app.scheduler.feed import KEPT_EVENTS, Feed, FellBehind
from tests.api.asking import finished, render, speak
from tests.api.following import until_closed
from tests.conftest import Starter
from tests.support.client import PATIENCE_S, Engine, next_event

pytestmark = pytest.mark.anyio


async def test_what_happens_to_all_jobs_is_seen_and_nothing_is_heard(shared: Engine) -> None:
    async with shared.socket("/events") as socket:
        jobs = {
            await render(shared, "A render."): "JOB_DONE",
            await speak(shared, "A listener's."): "JOB_DONE",
            await render(shared, "[error] A failure."): "JOB_ERROR",
        }
        canceled = await render(shared, "[hold:never] One to cancel.")
        seen: dict[str, list[str]] = {job_id: [] for job_id in [*jobs, canceled]}
        while not seen[canceled]:
            event = await next_event(socket)
            seen[event["job_id"]].append(event["type"])
        await shared.post("/cancel", {"job_id": canceled})
        jobs[canceled] = "JOB_CANCELED"
        while any(seen[job_id][-1:] != [last] for job_id, last in jobs.items()):
            event = await next_event(socket)
            seen[event["job_id"]].append(event["type"])

    for job_id, last in jobs.items():
        assert seen[job_id][0] == "JOB_STARTED"
        assert seen[job_id][-1] == last
        assert set(seen[job_id][1:-1]) <= {"JOB_PROGRESS"}
    assert "JOB_PROGRESS" in seen[next(iter(jobs))]


async def test_a_job_that_is_canceled_before_its_turn_is_seen_to_end(shared: Engine) -> None:
    async with shared.socket("/events") as socket:
        held = [await render(shared, "[hold:never] Held.") for _ in range(9)]
        for job_id in held[::-1]:
            await shared.post("/cancel", {"job_id": job_id})

        ended = {(await next_event(socket))["job_id"] for _ in range(9)}
        while ended != set(held):
            ended.add((await next_event(socket))["job_id"])


async def test_whoever_sees_the_end_can_fetch_the_job_and_the_file(shared: Engine) -> None:
    async with shared.socket("/events") as socket:
        job_id = await render(shared, "Done and in place.")
        while (await next_event(socket)) != {"type": "JOB_DONE", "job_id": job_id}:
            pass

        job = await shared.get(f"/jobs/{job_id}")

    assert job["status"] == "completed"
    assert len(await shared.wav(job_id)) > 44


async def test_the_past_is_not_replayed(shared: Engine) -> None:
    past = await finished(shared, "Over and done.")
    async with shared.socket("/events") as socket:
        job_id = await finished(shared, "Now.")

        events = [await next_event(socket)]
        while events[-1]["type"] != "JOB_DONE":
            events.append(await next_event(socket))

    assert {event["job_id"] for event in events} == {job_id} != {past}


async def test_all_who_watch_see_the_same(shared: Engine) -> None:
    async with shared.socket("/events") as one, shared.socket("/events") as two:
        await one.send("hello")
        job_id = await render(shared, "For two.\n\nOr more.")

        seen: list[list[str]] = []
        for socket in (one, two):
            messages = [str(await socket.recv())]
            with anyio.fail_after(PATIENCE_S):
                while json.loads(messages[-1])["type"] != "JOB_DONE":
                    messages.append(str(await socket.recv()))
            seen.append(messages)

    assert seen[0] == seen[1]
    assert job_id in seen[0][0]


async def test_a_subscriber_that_falls_behind_is_told_so_and_nobody_else(shared: Engine) -> None:
    async with shared.socket("/events") as socket:
        for number in range(KEPT_EVENTS + 1):  # all at once: nobody can have read any of them
            shared.parts.feed.publish(JobStarted(job_id=str(number)))

        end = await until_closed(socket)

    assert (end.events, end.code, end.reason) == ([], 4408, "TOO_SLOW")
    async with shared.socket("/events") as socket:
        job_id = await render(shared, "It goes on.")
        assert (await next_event(socket))["job_id"] == job_id


async def test_as_many_events_as_are_kept_are_not_too_many(shared: Engine) -> None:
    async with shared.socket("/events") as socket:
        for number in range(KEPT_EVENTS):
            shared.parts.feed.publish(JobStarted(job_id=str(number)))

        seen = [(await next_event(socket))["job_id"] for _ in range(KEPT_EVENTS)]

    assert seen == [str(number) for number in range(KEPT_EVENTS)]


async def test_the_end_of_a_job_is_not_the_end_of_the_events(start: Starter) -> None:
    async with start() as engine, engine.socket("/events") as socket:
        await finished(engine, "The last thing that happens.")
        while (await next_event(socket))["type"] != "JOB_DONE":
            pass
        engine.parts.feed.close()

        end = await until_closed(socket)

    assert (end.events, end.code, end.reason) == ([], 1012, "ENGINE_STOPS")


async def test_a_feed_that_is_closed_ends_those_who_wait() -> None:
    feed = Feed()
    feed.close()

    with anyio.fail_after(PATIENCE_S):
        assert [event async for event in feed.follow()] == []


async def test_a_follower_starts_at_the_present_and_loses_nothing_within_what_is_kept() -> None:
    feed = Feed()
    feed.publish(JobStarted(job_id="past"))
    follower = feed.follow()
    seen: list[str] = []

    async def follow() -> None:
        async for event in follower:
            seen.append(event.job_id)

    with anyio.fail_after(PATIENCE_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(follow)
            await anyio.lowlevel.checkpoint()
            for number in range(3):
                feed.publish(JobDone(job_id=str(number)))
            while len(seen) < 3:
                await anyio.lowlevel.checkpoint()
            feed.close()

    assert seen == ["0", "1", "2"]


async def test_a_follower_that_sleeps_too_long_does_not_skip_silently() -> None:
    feed = Feed()
    follower = feed.follow()

    with anyio.fail_after(PATIENCE_S):
        async with anyio.create_task_group() as tasks:

            async def fall_behind() -> None:
                with pytest.raises(FellBehind):
                    await anext(follower)

            tasks.start_soon(fall_behind)
            await anyio.lowlevel.checkpoint()
            for number in range(KEPT_EVENTS + 1):
                feed.publish(JobStarted(job_id=str(number)))
