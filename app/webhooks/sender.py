"""Sends what is due of the deliveries that the database holds, again and again until each has arrived.

A delivery is written with the final state of its job, in one transaction (a trigger, see `app/store/tables.py`); it
is there after a crash, and it may arrive twice, with the same `webhook-id`. One task of the event loop. It does not
know what a job is.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import msgspec

from app import SAMPLE_RATE, __version__
from app.config import WebhookReach
from app.scheduler.feed import Feed, FellBehind
from app.store.clock import now_us
from app.store.deliveries import Deliveries, WebhookDelivery
from app.webhooks.signing import signed_headers

Post: TypeAlias = Callable[[str, bytes, Mapping[str, str], WebhookReach], Awaitable[int]]

#: How long to wait after each try that failed, in seconds: a receiver that restarts misses nothing, one that is
#: gone for two days does. After the last one the delivery is given up.
WAITS_S = (5, 30, 120, 600, 1800, 7200, 21600, 43200, 86400)

#: How many are sent at once; a receiver that hangs holds up none of the others, unless it has all of these.
AT_ONCE = 8

#: How long a failure of the store is left alone, in seconds.
STORE_REST_S = 5.0

#: What of a job is in the message, beside the length of its audio.
SENT = (
    *("job_id", "status", "lane", "title", "tags", "voice_id", "model_id", "formats", "characters"),
    "error",
)

#: The receiver says that it wants no more.
GONE = 410

logger = logging.getLogger(__name__)


class WebhookSender:
    """Awaited by `run`, which is canceled at the end of the engine; what is on its way then is sent again."""

    def __init__(
        self,
        deliveries: Deliveries,
        feed: Feed,
        *,
        reach: WebhookReach,
        post: Post | None = None,
        waits_s: Sequence[float] | None = None,
    ) -> None:
        self._deliveries, self._feed = deliveries, feed
        self._reach, self._waits_s = reach, WAITS_S if waits_s is None else waits_s
        self._post = post or _post
        self._due = asyncio.Event()
        self._sending: set[str] = set()  #: ids of those that are on their way

    async def run(self) -> None:
        """Send what is due, for as long as the engine runs."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(), name="webhook events")
            while True:
                try:
                    await self._send_due(tasks)
                except Exception:
                    logger.exception("webhooks rest for %.0f s", STORE_REST_S)
                    await asyncio.sleep(STORE_REST_S)

    async def _listen(self) -> None:
        """A job that ends has deliveries at once."""
        while True:
            with suppress(FellBehind):
                async for _ in self._feed.follow():
                    self._due.set()
                return  # the engine stops
            self._due.set()

    async def _send_due(self, tasks: asyncio.TaskGroup) -> None:
        self._due.clear()  # before looking: what comes from here on is looked for again
        only_for_all, beside = self._reach is WebhookReach.OFF, tuple(self._sending)
        free = AT_ONCE - len(beside)
        batch = await self._deliveries.due(now_us(), only_for_all=only_for_all, beside=beside, limit=free)
        for delivery in batch:
            self._sending.add(delivery.id)
            tasks.create_task(self._send(delivery), name=f"webhook of job {delivery.job_id}")
        if batch:
            return
        due_at = await self._deliveries.next_due(only_for_all=only_for_all, beside=beside) if free else None
        wait_s = None if due_at is None else max(0.0, (due_at - now_us()) / 1e6)
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._due.wait()

    async def _send(self, delivery: WebhookDelivery) -> None:
        """One try, then its place is free for another."""
        try:
            await self._deliver(delivery)
        except Exception:
            logger.exception("the webhook of job %s rests for %.0f s", delivery.job_id, STORE_REST_S)
            await asyncio.sleep(STORE_REST_S)
        finally:
            self._sending.discard(delivery.id)
            self._due.set()

    async def _deliver(self, delivery: WebhookDelivery) -> None:
        """One try, and what has come of it in the store."""
        body = body_of(delivery)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"q3tts/{__version__}",
            **signed_headers(delivery.id, int(time.time()), body, delivery.secret),
        }
        # The address for all jobs is the user's own word; one of a request is held to what the user allows.
        reach = WebhookReach.ANYWHERE if delivery.for_all else self._reach
        try:
            status = await self._post(delivery.url, body, headers, reach)
        except Exception as error:
            why = str(error) or type(error).__name__
        else:
            if 200 <= status < 300:
                await self._deliveries.remove(delivery)
                return
            why = f"the answer has status {status}"
            if status == GONE:
                await self._give_up(delivery, why)
                return
        if delivery.attempts >= len(self._waits_s):
            await self._give_up(delivery, why)
            return
        wait_s = self._waits_s[delivery.attempts]
        _say(logging.INFO, delivery, f"{why}; again in {wait_s:.0f} s")
        await self._deliveries.postpone(delivery, now_us() + round(wait_s * 1e6))

    async def _give_up(self, delivery: WebhookDelivery, why: str) -> None:
        _say(logging.WARNING, delivery, f"{why}; it is given up after {delivery.attempts + 1} tries")
        await self._deliveries.remove(delivery)


def body_of(delivery: WebhookDelivery) -> bytes:
    """What is sent: which event it is, when it happened, and the job."""
    job: dict[str, Any] = {name: getattr(delivery, name) for name in SENT}
    event = {
        "type": f"job.{delivery.status}",
        "timestamp": datetime.fromtimestamp(delivery.ended_at / 1e6, tz=UTC),
        "data": {**job, "audio_seconds": delivery.samples / SAMPLE_RATE},
    }
    return msgspec.json.encode(event)


def _say(level: int, delivery: WebhookDelivery, what: str) -> None:
    """Without the path and the query of the address, which may hold a secret."""
    logger.log(level, "webhook of job %s to %s: %s", delivery.job_id, urlsplit(delivery.url).hostname, what)


async def _post(url: str, body: bytes, headers: Mapping[str, str], reach: WebhookReach) -> int:
    from app.webhooks.posting import post

    return await post(url, body, headers, reach)
