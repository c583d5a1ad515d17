"""Webhooks, from a job's end to a receiver on a real port."""

import logging
import stat
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import pytest

from app.config import WebhookReach
from app.errors import StartFailed
from app.scheduler.feed import Feed
from app.scheduler.progress import final_event
from app.store.database import Database
from app.store.deliveries import Deliveries
from app.store.jobs import JobStore
from app.store.rows import JobStatus, Webhook
from app.webhooks import sender
from app.webhooks.sender import WebhookSender
from tests.api.asking import finished, render, speak
from tests.api.conftest import opened
from tests.store.samples import added
from tests.support.client import PATIENCE_S
from tests.support.running import modules_loaded_by
from tests.support.waiting import until
from tests.webhooks.receiver import SECRET, receiving

pytestmark = pytest.mark.anyio

LOCAL = WebhookReach.LOCAL


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "WAITS_S", (0.01, 0.01, 0.01))


async def test_the_end_of_a_job_is_told_and_signed(tmp_path: Path) -> None:
    async with receiving() as receiver, opened(tmp_path, webhooks=LOCAL) as engine:
        notify = {"url": receiver.url, "secret": SECRET}
        job_id = await finished(engine, title="Tide", tags=["sea"], notify=notify)
        failed = await render(engine, "[error] No.", notify=notify)
        await receiver.all(2)
        canceled = await render(engine, "[hold:never] Held.", notify=notify)
        await engine.post(f"/jobs/{canceled}/cancel")
        got = await receiver.all(3)
        shown = await engine.get(f"/jobs/{job_id}")

    assert all(request.is_signed_with(SECRET) for request in got)
    assert len({request.headers["webhook-id"] for request in got}) == 3
    events = {request.event["data"]["job_id"]: request.event for request in got}
    assert [events[job]["type"] for job in (job_id, failed, canceled)] == [
        "job.completed",
        "job.failed",
        "job.canceled",
    ]
    told = events[job_id]
    assert told["timestamp"] == shown["finished_at"]
    assert told["data"] == {
        **{name: shown[name] for name in ("job_id", "status", "lane", "title", "tags", "voice_id", "model_id")},
        "formats": ["wav"],
        "characters": shown["progress"]["characters_total"],
        "audio_seconds": shown["progress"]["audio_seconds"],
        "error": None,
    }
    assert events[failed]["data"]["error"]["code"] == "INFERENCE_FAILED"
    assert got[0].headers["content-type"] == "application/json"
    assert SECRET not in str(shown)


async def test_the_address_of_the_settings_learns_of_the_end_of_every_job(tmp_path: Path) -> None:
    async with receiving() as receiver, opened(tmp_path, webhook_url=receiver.url) as engine:
        said = await speak(engine, "Said to a listener.")
        got = await receiver.all(1)
        path = engine.data_dir / "webhook-secret"
        secret, mode = path.read_text().strip(), stat.S_IMODE(path.stat().st_mode)

    assert [request.event["data"]["job_id"] for request in got] == [said]
    assert got[0].is_signed_with(secret)
    assert mode == 0o600


async def test_nothing_is_sent_by_default(tmp_path: Path) -> None:
    async with receiving() as receiver, opened(tmp_path) as engine:
        body = {"text": "Hello.", "notify": {"url": receiver.url, "secret": SECRET}}
        answer = await engine.post("/jobs", body, 400)

    assert answer["error"]["code"] == "INVALID_REQUEST"
    assert answer["error"]["details"]["fields"][0]["field"] == "notify.url"
    assert "--webhooks local" in answer["error"]["message"]
    assert not receiver.got


@pytest.mark.parametrize(
    ("notify", "field"),
    [
        ({"url": "https://93.184.216.34/hook", "secret": SECRET}, "notify.url"),
        ({"url": "http://127.0.0.1/hook", "secret": "s3cret"}, "notify.secret"),
        ({"url": "http://127.0.0.1/hook"}, "notify.secret"),
        ({"url": "http://127.0.0.1/hook", "secret": SECRET, "colour": "red"}, "notify.colour"),
    ],
)
async def test_a_wrong_webhook_is_refused_and_its_secret_not_quoted(
    tmp_path: Path, notify: dict[str, str], field: str
) -> None:
    async with opened(tmp_path, webhooks=LOCAL) as engine:
        answer = await engine.post("/jobs", {"text": "Hello.", "notify": notify}, 400)

    assert answer["error"]["details"]["fields"][0]["field"] == field
    assert "s3cret" not in str(answer)


async def test_the_same_key_with_another_webhook_is_another_request(tmp_path: Path) -> None:
    async with receiving() as receiver, opened(tmp_path, webhooks=LOCAL) as engine:
        body = {"text": "Hello.", "notify": {"url": receiver.url, "secret": SECRET}}
        key = {"Idempotency-Key": "one"}
        first = await engine.post("/jobs", body, 201, headers=key)
        again = await engine.post("/jobs", body, 200, headers=key)
        other = await engine.post("/jobs", {"text": "Hello."}, 409, headers=key)
        await receiver.all(1)

    assert first["job_id"] == again["job_id"]
    assert other["error"]["code"] == "IDEMPOTENCY_CONFLICT"


async def test_a_receiver_that_fails_is_tried_again_with_the_same_id(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with receiving(500, 302) as receiver, opened(tmp_path, webhooks=LOCAL) as engine:
        await finished(engine, notify={"url": receiver.url, "secret": SECRET})
        got = await receiver.all(3)

    assert {request.path for request in got} == {"/hook?key=in-the-address"}
    assert len({request.headers["webhook-id"] for request in got}) == 1
    assert all(request.is_signed_with(SECRET) for request in got)
    assert "the answer has status 500; again in" in caplog.text
    assert SECRET not in caplog.text
    assert "in-the-address" not in caplog.text


async def test_what_was_not_delivered_is_sent_by_the_next_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with receiving() as receiver:
        port, url = receiver.port, receiver.url
    monkeypatch.setattr(sender, "WAITS_S", (0.01,) * 10_000)
    async with opened(tmp_path, webhooks=LOCAL) as engine:
        job_id = await finished(engine, notify={"url": url, "secret": SECRET})
        await engine.delete(f"/jobs/{job_id}")
    async with receiving(port=port) as receiver, opened(tmp_path, webhooks=LOCAL):
        got = await receiver.all(1)

    assert got[0].event["data"]["job_id"] == job_id


async def test_a_setting_that_cannot_be_used_ends_the_start(tmp_path: Path) -> None:
    for url in ("hook", "http://93.184.216.34/"):
        with pytest.raises(StartFailed) as failure:
            async with opened(tmp_path, webhook_url=url):
                pass
        assert failure.value.exit_code == 64
    (tmp_path / "data" / "webhook-secret").write_text("short")
    with pytest.raises(StartFailed, match="webhook-secret"):
        async with opened(tmp_path, webhook_url="http://127.0.0.1:1/"):
            pass


# The sender, with what it posts in hand.


class Posts:
    """Answers with these statuses in turn."""

    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.urls: list[str] = []

    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str], reach: WebhookReach) -> int:
        self.urls.append(f"{url} {reach}")
        return self.answers.pop(0)


async def ended_job(database: Database, *, for_all: bool = False) -> Deliveries:
    """The deliveries of a job that has ended, of which there is one."""
    webhook = Webhook(url="http://a/", secret=SECRET)
    jobs, deliveries = JobStore(database), Deliveries(database)
    await deliveries.set_for_all(webhook if for_all else None)
    job = await added(jobs, notify=None if for_all else webhook)
    await jobs.move(job, before=[JobStatus.QUEUED], to=JobStatus.CANCELED)
    assert await deliveries.next_due(only_for_all=for_all) is not None
    return deliveries


async def sent(tmp_path: Path, posts: Posts, reach: WebhookReach = LOCAL, *, for_all: bool = False) -> int:
    """Run until nothing is left: how many tries there were."""
    async with AsyncExitStack() as stack:
        database = await Database.open(tmp_path / "q3tts.db")
        stack.push_async_callback(database.close)
        deliveries = await ended_job(database, for_all=for_all)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(WebhookSender(deliveries, Feed(), reach=reach, post=posts).run)
            with anyio.fail_after(30):
                while await deliveries.next_due(only_for_all=False) is not None:
                    await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()
    return len(posts.urls)


async def test_a_delivery_is_given_up_after_the_last_wait(tmp_path: Path) -> None:
    assert await sent(tmp_path, Posts(500, 500, 500, 500, 204)) == 4


async def test_a_receiver_that_is_gone_gets_no_second_try(tmp_path: Path) -> None:
    assert await sent(tmp_path, Posts(410, 204)) == 1


async def test_the_address_of_the_settings_needs_no_other_permission(tmp_path: Path) -> None:
    posts = Posts(204)
    assert await sent(tmp_path, posts, WebhookReach.OFF, for_all=True) == 1
    assert posts.urls == ["http://a/ anywhere"]


async def test_a_receiver_that_hangs_holds_up_no_other(tmp_path: Path) -> None:
    posted: list[str] = []
    other_is_told = anyio.Event()

    async def hanging(url: str, body: bytes, headers: Mapping[str, str], reach: WebhookReach) -> int:
        posted.append(url)
        if url == "http://a/":
            await other_is_told.wait()
        else:
            other_is_told.set()
        return 204

    async with AsyncExitStack() as stack:
        database = await Database.open(tmp_path / "q3tts.db")
        stack.push_async_callback(database.close)
        deliveries, feed, jobs = await ended_job(database), Feed(), JobStore(database)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(WebhookSender(deliveries, feed, reach=LOCAL, post=hanging).run)
            await until(lambda: posted)
            job = await added(jobs, notify=Webhook(url="http://b/", secret=SECRET))
            ended = await jobs.move(job, before=[JobStatus.QUEUED], to=JobStatus.CANCELED)
            assert ended is not None
            feed.publish(final_event(ended))
            with anyio.fail_after(PATIENCE_S):
                await other_is_told.wait()
            tasks.cancel_scope.cancel()

    assert posted == ["http://a/", "http://b/"]


async def test_a_job_that_ends_again_is_told_again(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "q3tts.db")
    try:
        jobs, deliveries = JobStore(database), Deliveries(database)
        job = await added(jobs, notify=Webhook(url="http://a/", secret=SECRET))
        for before, to in (
            (JobStatus.QUEUED, JobStatus.RUNNING),
            (JobStatus.RUNNING, JobStatus.FAILED),
            (JobStatus.FAILED, JobStatus.QUEUED),
            (JobStatus.QUEUED, JobStatus.CANCELED),
        ):
            await jobs.move(job, before=[before], to=to)
        due = await deliveries.due(1 << 60, only_for_all=False, limit=10)
    finally:
        await database.close()

    assert sorted(delivery.status for delivery in due) == ["canceled", "failed"]
    assert SECRET not in repr(due)


def test_what_posts_is_not_loaded_before_something_is_due() -> None:
    assert not {"httpcore", "certifi"} & modules_loaded_by("app.engine.build")
