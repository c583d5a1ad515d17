"""The feed of all jobs: everything from now on, or the word that something was missed."""

import asyncio

import anyio
import pytest

from app.events import JobDone, JobStarted
from app.scheduler.feed import KEPT_EVENTS, Feed, FeedEvent, FellBehind

pytestmark = pytest.mark.anyio


def event(number: int) -> JobDone:
    return JobDone(job_id=str(number))


async def collected(feed: Feed) -> list[FeedEvent]:
    with anyio.fail_after(10):
        return [event async for event in feed.follow()]


async def settle() -> None:
    for _ in range(5):
        await anyio.lowlevel.checkpoint()


async def test_a_subscriber_gets_what_happens_from_now_on_in_order() -> None:
    feed = Feed()
    feed.publish(JobStarted(job_id="before"))
    following = [asyncio.create_task(collected(feed)) for _ in range(3)]
    await settle()

    for number in range(5):
        feed.publish(event(number))
        if number % 2:
            await settle()
    await settle()
    feed.close()

    for task in following:
        assert await task == [event(number) for number in range(5)]


async def test_a_subscriber_that_is_just_not_too_slow_misses_nothing() -> None:
    feed = Feed()
    following = feed.follow()
    first = asyncio.ensure_future(anext(following))
    await settle()

    for number in range(KEPT_EVENTS):
        feed.publish(event(number))

    assert await first == event(0)
    assert [await anext(following) for _ in range(KEPT_EVENTS - 1)] == [event(n) for n in range(1, KEPT_EVENTS)]
    await following.aclose()


async def test_a_subscriber_that_falls_behind_is_told_so() -> None:
    feed = Feed()
    following = feed.follow()
    first = asyncio.ensure_future(anext(following))
    await settle()
    for number in range(KEPT_EVENTS + 1):
        feed.publish(event(number))

    with pytest.raises(FellBehind):
        await first


async def test_nobody_waits_for_a_feed_that_is_closed() -> None:
    feed = Feed()
    waiting = asyncio.create_task(collected(feed))
    await settle()

    feed.close()

    assert await waiting == []
    assert await collected(feed) == []
