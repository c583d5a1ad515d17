"""Whose chunk is spoken when, and how jobs end, seen from both ends: the jobs, and what the model was given."""

import asyncio
import os
import signal
from collections.abc import Iterable
from typing import Any
from uuid import uuid4

import anyio
import pytest

from app.errors import JobNotFound, StorageFailed, WrongState
from app.events import AudioChunk, FinalEvent, JobCanceled, JobDone, JobError, JobProgress, JobStarted
from app.inference.model import Lane, Utterance, VoiceKind
from app.models.worker.supervisor import WorkerSupervisor
from app.models.worker.take import Take
from app.scheduler.fairness import MAX_ACTIVE
from app.store.jobs import JobStore
from app.store.rows import Artifact, Changes, Job, JobStatus, Settings, Voice
from app.usecases.jobs import Request
from tests.scheduler.recorder import Step
from tests.scheduler.room import OpenRoom, Room, audio_of
from tests.support.descriptors import no_descriptors
from tests.support.fakes import VOICE_ID
from tests.support.waiting import until

pytestmark = pytest.mark.anyio


def parts(name: str, count: int) -> list[str]:
    """Paragraphs, each of them a chunk that starts with its name and number."""
    return [
        f"{name}{number}. It is long enough to be a chunk of its own, and no longer." for number in range(count)
    ]


async def blocked(room: Room) -> str:
    """A job that has the model for itself until `gate` is released."""
    job_id = await room.submit("[hold:gate] Blocks.")
    await room.seen(Step("add", "[hold:gate] Blocks."))
    return job_id


async def test_a_listener_is_served_before_a_book_goes_on(narrow: Room) -> None:
    book = await narrow.submit("[hold:gate] Blocks.", *parts("book", 5))
    await narrow.seen(Step("add", "[hold:gate] Blocks."))

    listener = await narrow.submit(*parts("listener", 3), lane=Lane.SPEAK)
    await narrow.started(listener)
    narrow.release("gate")

    await narrow.completed(book, listener)
    assert narrow.added()[:3] == ["[hold:gate] Blocks", "listener0", "listener1"]
    assert await narrow.wav(listener) == await narrow.expected(listener)


async def test_jobs_of_a_lane_take_turns(narrow: Room) -> None:
    blocker = await blocked(narrow)
    jobs = [await narrow.submit(*parts(name, 4)) for name in ("a", "b", "c")]
    await narrow.started(*jobs)

    narrow.release("gate")

    await narrow.completed(blocker, *jobs)
    assert narrow.added()[1:] == [f"{name}{number}" for number in range(4) for name in ("a", "b", "c")]


async def test_a_short_job_is_not_kept_waiting_by_a_book(narrow: Room) -> None:
    blocker = await blocked(narrow)
    book, note = await narrow.submit(*parts("book", 20)), await narrow.submit(*parts("note", 2))
    await narrow.started(book, note)

    narrow.release("gate")

    await narrow.completed(blocker, book, note)
    assert narrow.added().index("note1") <= 5


async def test_a_limited_number_of_jobs_of_a_lane_run_and_no_more(narrow: Room) -> None:
    held = [await narrow.submit(f"[hold:gate] Number {number}.") for number in range(MAX_ACTIVE + 3)]
    await narrow.started(*held[:MAX_ACTIVE])
    listeners = [await narrow.submit(f"[hold:gate] {number}.", lane=Lane.SPEAK) for number in range(MAX_ACTIVE + 1)]
    await narrow.started(*listeners[:MAX_ACTIVE])

    assert await narrow.parts.stores.jobs.counts() == {"queued": 4, "running": 2 * MAX_ACTIVE}
    waiting = [await narrow.job(job_id) for job_id in held[MAX_ACTIVE:]]
    assert {job.status for job in waiting} == {JobStatus.QUEUED}
    assert [await narrow.parts.stores.jobs.place(job) for job in waiting] == [2, 3, 4]

    narrow.release("gate")
    await narrow.completed(*held, *listeners)


async def test_several_chunks_of_one_job_are_in_work_and_come_into_the_log_in_order(room: Room) -> None:
    text = ["[hold:first] The first.", *parts("then", 9)]
    job_id = await room.submit(*text)
    await room.seen(*(Step("stop", part) for part in text[1:8]))

    assert (await room.job(job_id)).chunks_done == 0
    assert "then8" not in room.added(), "no more than allowed are ahead"
    log_events = asyncio.create_task(room.events(job_id))
    room.release("first")

    await room.completed(job_id)
    assert audio_of(await log_events) == await room.wav(job_id) == await room.expected(job_id)
    assert (await room.job(job_id)).chunks_done == 10


async def test_the_model_is_told_after_which_chunk_each_is_heard(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Utterance] = []
    submit = WorkerSupervisor.submit

    def noted(worker: WorkerSupervisor, utterance: Utterance, *, after: Take | None = None) -> Take:
        take = submit(worker, utterance, after=after)
        given.append(take.utterance)
        return take

    monkeypatch.setattr(WorkerSupervisor, "submit", noted)
    jobs = [await room.submit(*parts(name, 4), lane=Lane.SPEAK) for name in ("a", "b")]
    await room.completed(*jobs)

    for name in ("a", "b"):
        chunks = sorted((each.text, each.id, each.after) for each in given if each.text.startswith(name))
        assert [after for _, _, after in chunks] == [0, *(id for _, id, _ in chunks[:-1])]


async def test_chunks_in_work_never_exceed_what_the_model_can_do(room: Room) -> None:
    jobs = [await room.submit(*parts(f"job{number}", 6)) for number in range(6)]
    await room.completed(*jobs)

    in_work = most = 0
    for step in room.steps():
        in_work += 1 if step.what == "add" else -1
        most = max(most, in_work)

    assert in_work == 0
    assert 1 < most <= 4


async def test_the_next_job_starts_only_when_the_canceled_one_has_left_the_model(narrow: Room) -> None:
    for number in range(5):
        canceled = await narrow.submit(f"[hold:never] Canceled {number}.")
        await narrow.seen(Step("add", f"[hold:never] Canceled {number}."))
        following = await narrow.submit(f"Following {number}.")
        await narrow.started(following)

        assert (await narrow.parts.scheduler.cancel(canceled)).status is JobStatus.CANCELED

        await narrow.completed(following)
        steps = narrow.steps()
        left = steps.index(Step("canceled", f"[hold:never] Canceled {number}."))
        assert left < steps.index(Step("add", f"Following {number}."))


@pytest.mark.parametrize("lane", list(Lane))
async def test_a_canceled_job_has_left_the_model_when_it_is_canceled(room: Room, lane: Lane) -> None:
    job_id = await room.submit("[hold:never] One.", "[hold:never] Two.", "[hold:never] Three.", lane=lane)
    await room.seen(Step("add", "[hold:never] One."), Step("add", "[hold:never] Two."))

    job = await room.parts.scheduler.cancel(job_id)

    steps = room.steps()
    assert job.status is JobStatus.CANCELED
    assert job.finished_at is not None
    assert sum(step.what == "add" for step in steps) == sum(step.what == "canceled" for step in steps)
    assert (await room.events(job_id))[-1] == JobCanceled(job_id=job_id)


@pytest.mark.parametrize("lane", list(Lane))
async def test_a_job_is_not_canceled_before_the_model_has_let_go_of_it(room: Room, lane: Lane) -> None:
    job_id = await room.submit("[hold:never] Held.", lane=lane)
    await room.seen(Step("add", "[hold:never] Held."))
    pid = room.worker_pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)

    canceling = asyncio.create_task(room.parts.scheduler.cancel(job_id))

    await room.completed(await room.submit("…", lane=lane))  # it has nothing for the model to say
    assert (await room.job(job_id)).status is JobStatus.RUNNING
    assert not canceling.done()
    os.kill(pid, signal.SIGCONT)
    with anyio.fail_after(10):
        assert (await canceling).status is JobStatus.CANCELED


async def test_a_job_has_not_failed_before_the_model_has_let_go_of_all_of_its_chunks(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    await room.completed(await room.submit("Now the engine knows how many chunks the model takes at once."))
    cancel, asked = WorkerSupervisor.cancel, list[Take]()

    def note(_: WorkerSupervisor, take: Take) -> None:
        asked.append(take)

    monkeypatch.setattr(WorkerSupervisor, "cancel", note)
    job_id = await room.submit("[error] The first fails.", "[hold:never] The second is in the model.")
    await until(lambda: any("second" in take.utterance.text for take in asked))

    await room.completed(await room.submit("Another job comes and goes."))
    assert (await room.job(job_id)).status is JobStatus.RUNNING

    for take in asked:
        cancel(room.worker, take)
    assert (await room.ended(job_id)).status is JobStatus.FAILED


async def test_whoever_comes_while_a_job_is_tried_again_hears_it_to_its_end(room: Room) -> None:
    """Somebody else still looks at the log that was closed with the first end."""
    job_id = await room.submit("[hold:gate] Tried again.", *parts("more", 3))
    await room.seen(Step("add", "[hold:gate] Tried again."))
    async with room.parts.jobs.follow(job_id) as idle:
        assert isinstance(await anext(idle), JobStarted)
        await room.parts.scheduler.cancel(job_id)
        await room.retry(job_id)
        following = asyncio.create_task(room.events(job_id))
        await room.until(job_id, lambda job: job.status is JobStatus.RUNNING)
        for _ in range(20):
            await room.job(job_id)

        room.release("gate")

        events = await following
    assert events[-1] == JobDone(job_id=job_id)
    assert audio_of(events) == await room.expected(job_id)


async def test_a_queued_job_is_canceled_without_the_model_and_paused_ones_too(narrow: Room) -> None:
    for number in range(MAX_ACTIVE):
        await narrow.submit(f"[hold:gate] {number}.")
    queued, paused = await narrow.submit("Queued."), await narrow.submit("Paused.")
    assert (await narrow.parts.scheduler.pause(paused)).status is JobStatus.PAUSED

    for job_id in (queued, paused):
        follower = asyncio.create_task(narrow.events(job_id))
        await anyio.lowlevel.checkpoint()
        job = await narrow.parts.scheduler.cancel(job_id)

        assert (job.status, job.started_at) == (JobStatus.CANCELED, None)
        assert await follower == [JobCanceled(job_id=job_id)]
    narrow.release("gate")


async def test_a_paused_job_does_not_go_on_by_itself_and_keeps_its_audio(room: Room) -> None:
    calm = await room.submit(*parts("calm", 6), seed=5)
    text = parts("paused", 6)
    text[3] = "[hold:gate] " + text[3]
    job_id = await room.submit(*text, seed=5)
    await room.until(job_id, lambda job: job.chunks_done == 3)

    paused = await room.parts.scheduler.pause(job_id)
    await room.completed(calm)

    assert (await room.job(job_id)) == paused
    assert (paused.status, paused.chunks_done) == (JobStatus.PAUSED, 3)
    room.release("gate")
    follower = asyncio.create_task(room.events(job_id))
    await room.parts.scheduler.resume(job_id)
    await room.completed(job_id)
    assert audio_of(await follower) == await room.wav(job_id) == await room.expected(job_id)


@pytest.mark.parametrize(
    ("status", "ask", "after"),
    [
        (JobStatus.QUEUED, "resume", None),
        (JobStatus.QUEUED, "retry", None),
        (JobStatus.QUEUED, "pause", JobStatus.PAUSED),
        (JobStatus.QUEUED, "cancel", JobStatus.CANCELED),
        (JobStatus.RUNNING, "resume", None),
        (JobStatus.RUNNING, "retry", None),
        (JobStatus.RUNNING, "pause", JobStatus.PAUSED),
        (JobStatus.RUNNING, "cancel", JobStatus.CANCELED),
        (JobStatus.PAUSED, "pause", JobStatus.PAUSED),
        (JobStatus.PAUSED, "retry", None),
        (JobStatus.PAUSED, "cancel", JobStatus.CANCELED),
        (JobStatus.COMPLETED, "pause", None),
        (JobStatus.COMPLETED, "resume", None),
        (JobStatus.COMPLETED, "retry", None),
        (JobStatus.COMPLETED, "cancel", JobStatus.COMPLETED),
        (JobStatus.FAILED, "pause", None),
        (JobStatus.FAILED, "resume", None),
        (JobStatus.FAILED, "cancel", JobStatus.FAILED),
        (JobStatus.CANCELED, "pause", None),
        (JobStatus.CANCELED, "resume", None),
        (JobStatus.CANCELED, "cancel", JobStatus.CANCELED),
    ],
)
async def test_what_is_asked_of_a_job_fits_its_state_or_is_refused(
    room: Room, status: JobStatus, ask: str, after: JobStatus | None
) -> None:
    if status is JobStatus.QUEUED:
        for number in range(MAX_ACTIVE):
            await room.submit(f"[hold:never] {number}.")
    text = {
        JobStatus.FAILED: "[error]",
        JobStatus.COMPLETED: "Fine.",
    }.get(status, "[hold:never] Held.")
    job_id = await room.submit(text)
    if status is JobStatus.RUNNING:
        await room.seen(Step("add", text))
    if status is JobStatus.PAUSED:
        await room.parts.scheduler.pause(job_id)
    if status is JobStatus.CANCELED:
        await room.parts.scheduler.cancel(job_id)
    await room.until(job_id, lambda job: job.status is status)

    asking = getattr(room.parts.scheduler, ask)(job_id)

    if after is None:
        with pytest.raises(WrongState, match=status):
            await asking
        assert (await room.job(job_id)).status is status
    else:
        assert (await asking).status is after


async def test_nothing_can_be_asked_of_a_job_that_is_not_there(room: Room) -> None:
    for ask in (
        room.parts.scheduler.cancel,
        room.parts.scheduler.pause,
        room.parts.scheduler.resume,
        room.parts.scheduler.retry,
    ):
        with pytest.raises(JobNotFound):
            await ask(str(uuid4()))


async def test_asking_many_times_at_once_is_as_good_as_once(room: Room) -> None:
    job_id = await room.submit("[hold:never] Held.")
    await room.seen(Step("add", "[hold:never] Held."))

    answers = await asyncio.gather(*(room.parts.scheduler.cancel(job_id) for _ in range(10)))

    assert {job.status for job in answers} == {JobStatus.CANCELED}


async def test_a_canceled_job_that_is_tried_again_goes_on_after_what_it_has(room: Room) -> None:
    text = parts("again", 5)
    text[3] = "[hold:gate] " + text[3]
    for lane in Lane:
        job_id = await room.submit(*text, lane=lane, seed=9)
        await room.until(job_id, lambda job: job.chunks_done == 3)
        await room.parts.scheduler.cancel(job_id)
        heard = await room.events(job_id)
        room.release("gate")

        await room.retry(job_id)

        await room.completed(job_id)
        again = await room.events(job_id)
        assert audio_of(again).startswith(audio_of(heard))
        assert audio_of(again) == await room.wav(job_id) == await room.expected(job_id)
        again_job = await room.job(job_id)
        assert (again_job.error, again_job.warnings) == (None, [])
        assert {part.attempts for part in await room.parts.stores.chunks.list(again_job)} == {0}, (
            "no take was refused"
        )
        (room.control / "gate").unlink()


async def test_the_file_and_the_row_are_there_before_the_last_event(room: Room) -> None:
    job_id = await room.submit(*parts("all", 3))
    with anyio.fail_after(20):
        async for event in room.parts.feed.follow():
            if isinstance(event, JobDone) and event.job_id == job_id:
                break

    assert (await room.job(job_id)).status is JobStatus.COMPLETED
    assert await room.wav(job_id) == await room.expected(job_id)


async def test_the_feed_tells_every_step_of_every_job_once(room: Room) -> None:
    watching = room.parts.feed.follow()
    events: list[Any] = []
    first = asyncio.ensure_future(anext(watching))
    await anyio.lowlevel.checkpoint()
    jobs: dict[str, type[FinalEvent]] = {await room.submit(*parts(name, 3)): JobDone for name in "abc"}
    jobs[await room.submit("[error]")] = JobError
    with anyio.fail_after(20):
        events.append(await first)
        while sum(isinstance(event, FinalEvent) for event in events) < len(jobs):
            events.append(await anext(watching))
    await watching.aclose()

    for job_id, last in jobs.items():
        mine = [event for event in events if event.job_id == job_id]
        assert isinstance(mine[0], JobStarted)
        assert isinstance(mine[-1], last)
        assert all(isinstance(event, JobProgress) for event in mine[1:-1])
        done = [event.progress.chunks_done for event in mine[1:-1]]
        assert done == sorted(set(done))


async def test_a_job_whose_voice_has_gone_fails_and_the_others_go_on(room: Room) -> None:
    clone = Voice(
        id=str(uuid4()),
        kind=VoiceKind.CLONE,
        display_name="Mine",
        model_id="fake",
        name="",
        language_hint=None,
        created_at=1,
    )
    await room.parts.stores.voices.add(clone)
    own = room.control.parent / "data" / "voices" / clone.id
    own.mkdir()
    (own / "reference.wav").touch()
    for number in range(MAX_ACTIVE):
        await room.submit(f"[hold:gate] {number}.")
    orphan, behind = await room.submit("Orphan.", voice=clone.id), await room.submit("Behind.")
    await room.parts.stores.voices.delete(clone.id)

    room.release("gate")

    failed = await room.ended(orphan)
    assert (failed.status, failed.error and failed.error.code) == (JobStatus.FAILED, "VOICE_NOT_FOUND")
    await room.completed(behind)


async def test_an_error_nobody_thought_of_fails_its_job_alone(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    text = JobStore.text

    async def broken(self: JobStore, job: Job) -> str:
        found = await text(self, job)
        if "surprise" in found:
            raise ZeroDivisionError("nobody thought of it")
        return found

    monkeypatch.setattr(JobStore, "text", broken)
    surprised, fine = await room.submit("A surprise."), await room.submit("Fine.")

    failed = await room.ended(surprised)

    assert (failed.status, failed.error and failed.error.code) == (JobStatus.FAILED, "INTERNAL")
    assert "nobody" not in str(failed.error)
    await room.completed(fine)


async def test_a_full_disk_at_the_very_end_fails_the_job_which_can_be_tried_again(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete = JobStore.complete
    failures = iter([StorageFailed()])

    async def full(self: JobStore, job: Job, made: Iterable[Artifact], changes: Changes) -> Job | None:
        for failure in failures:
            raise failure
        return await complete(self, job, made, changes)

    monkeypatch.setattr(JobStore, "complete", full)
    job_id = await room.submit(*parts("all", 3))

    failed = await room.ended(job_id)

    assert (failed.status, failed.error and failed.error.code, failed.chunks_done) == (
        JobStatus.FAILED,
        "STORAGE_FAILED",
        3,
    )
    assert isinstance((await room.events(job_id))[-1], JobError)
    await room.retry(job_id)
    await room.completed(job_id)
    assert await room.wav(job_id) == await room.expected(job_id)
    assert room.added() == ["all0", "all1", "all2"], "nothing was spoken twice"


async def test_a_final_state_is_written_as_soon_as_the_disk_allows(
    open_room: OpenRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    move, claim = JobStore.move, JobStore.claim
    refusals = {"move": 3, "claim": 3}

    async def full_move(self: JobStore, job: Job, **kwargs: Any) -> Job | None:
        if kwargs["to"] is JobStatus.FAILED and refusals["move"]:
            refusals["move"] -= 1
            raise StorageFailed
        return await move(self, job, **kwargs)

    async def full_claim(self: JobStore, lane: Lane) -> Job | None:
        if lane is Lane.RENDER and refusals["claim"]:
            refusals["claim"] -= 1
            raise StorageFailed
        return await claim(self, lane)

    monkeypatch.setattr(JobStore, "move", full_move)
    monkeypatch.setattr(JobStore, "claim", full_claim)

    async with open_room(storage_retry_s=0.01) as room:
        failed = await room.ended(await room.submit("[error]"))

        assert failed.status is JobStatus.FAILED
        assert refusals == {"move": 0, "claim": 0}
        await room.completed(await room.submit("Fine."))


@pytest.mark.parametrize("lane", list(Lane))
async def test_while_too_many_files_are_open_a_job_waits(
    open_room: OpenRoom, caplog: pytest.LogCaptureFixture, lane: Lane
) -> None:
    async with open_room(storage_retry_s=0.01) as room:
        await room.completed(await room.submit("The worker has been started."))
        with no_descriptors():
            job_id, canceled = await room.submit("Fine.", lane=lane), await room.submit("Never said.", lane=lane)
            await until(lambda: caplog.text.count("waits: ") == 2)
            assert (await room.parts.scheduler.cancel(canceled)).status is JobStatus.CANCELED

        await room.completed(job_id)
        assert audio_of(await room.events(job_id)) == await room.expected(job_id) != b""

    assert caplog.text.count("waits: ") == 2, "each job says once that it waits"


async def test_a_job_that_is_being_spoken_needs_no_more_descriptors(room: Room) -> None:
    job_id = await room.submit("[hold:gate] The first.", "And the second.")
    await room.seen(Step("add", "[hold:gate] The first."))
    room.release("gate")
    with no_descriptors():
        await room.completed(job_id)

    assert await room.wav(job_id) == await room.expected(job_id)


async def test_a_chunk_that_fails_does_not_take_those_before_it_along(room: Room) -> None:
    """The second fails while the first is still being spoken; what the first says is complete, and kept."""
    await room.completed(await room.submit("Now the engine knows how many chunks the model takes at once."))
    job_id = await room.submit("[hold:gate] The first, which takes its time.", "[error] The second fails.")
    await room.seen(Step("error", "[error] The second fails."))

    room.release("gate")

    failed = await room.ended(job_id)
    assert failed.status is JobStatus.FAILED
    assert failed.chunks_done == 1
    assert audio_of(await room.events(job_id)) == await room.expected(job_id) != b""


async def test_an_end_is_not_lost_when_it_is_asked_for_while_a_rest_is_written(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    move = JobStore.move
    writing, go_on = asyncio.Event(), asyncio.Event()

    async def slow(self: JobStore, job: Job, **kwargs: Any) -> Job | None:
        if kwargs["to"] is JobStatus.PAUSED and job.status is JobStatus.RUNNING:
            writing.set()
            await go_on.wait()
        return await move(self, job, **kwargs)

    monkeypatch.setattr(JobStore, "move", slow)
    job_id = await room.submit("[hold:never] Held.")
    await room.seen(Step("add", "[hold:never] Held."))
    pausing = asyncio.create_task(room.parts.scheduler.pause(job_id))
    with anyio.fail_after(10):
        await writing.wait()
    canceling = asyncio.create_task(room.parts.scheduler.cancel(job_id))
    for _ in range(10):
        await anyio.lowlevel.checkpoint()

    go_on.set()

    with anyio.fail_after(10):
        assert (await canceling).status is JobStatus.CANCELED
        await asyncio.wait({pausing})
    assert (await room.job(job_id)).status is JobStatus.CANCELED


@pytest.mark.parametrize("lane", list(Lane))
async def test_a_disk_that_cannot_be_synced_fails_one_job_and_not_the_engine(
    room: Room, monkeypatch: pytest.MonkeyPatch, lane: Lane
) -> None:
    job_id = await room.submit(*parts("all", 2), "[hold:gate] Held.", lane=lane)
    await room.until(job_id, lambda job: job.chunks_done == 2)

    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("app.audio.log.log_file.sync", fail)
    room.release("gate")

    with anyio.fail_after(5):
        failed = await room.ended(job_id)

    assert (failed.status, failed.error and failed.error.code) == (JobStatus.FAILED, "STORAGE_FAILED")
    monkeypatch.undo()
    await room.completed(await room.submit("The engine goes on."))
    await room.retry(job_id)
    await room.completed(job_id)
    assert await room.wav(job_id) == await room.expected(job_id)


async def test_a_job_that_was_deleted_can_be_submitted_anew_under_its_id_while_somebody_still_listens(
    room: Room,
) -> None:
    asked = Request(lane=Lane.RENDER, voice=VOICE_ID, text="Said twice.", language="", settings=Settings(), seed=1)
    job_id = str(uuid4())
    await room.parts.jobs.submit(asked, job_id=job_id)
    await room.completed(job_id)
    async with room.parts.jobs.follow(job_id) as events:
        assert isinstance(await anext(events), JobStarted)
        assert isinstance(await anext(events), AudioChunk)
        await room.parts.jobs.delete(job_id)

        await room.parts.jobs.submit(asked, job_id=job_id)

        with anyio.fail_after(5):
            await room.completed(job_id)
        assert audio_of(await room.events(job_id)) == await room.wav(job_id) == await room.expected(job_id)


async def test_stopping_the_engine_queues_renders_and_fails_what_has_listeners(open_room: OpenRoom) -> None:
    async with open_room() as first:
        render = await first.submit("[hold:gate] A render.", *parts("more", 3))
        listener = await first.submit("[hold:gate] A listener.", lane=Lane.SPEAK)
        await first.seen(Step("add", "[hold:gate] A render."), Step("add", "[hold:gate] A listener."))
        followers = [asyncio.create_task(first.events(job_id)) for job_id in (render, listener)]
        for _ in range(50):
            await anyio.lowlevel.checkpoint()
        pid = first.worker_pid
        assert pid is not None

    followed, heard = [await follower for follower in followers]
    assert [type(event) for event in followed] == [JobStarted]
    assert isinstance(heard[-1], JobError)
    assert heard[-1].error.code == "ENGINE_RESTARTED"
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    async with open_room() as second:
        failed = await second.job(listener)
        assert failed.error is not None
        assert failed.error.message == "the engine was stopped while the job was spoken to a listener"
        second.release("gate")
        await second.completed(render)
        assert await second.wav(render) == await second.expected(render)
