"""The supervisor and real worker processes: started on first use, ended when idle, replaced when lost."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from app.errors import InferenceFailed, ModelNotReady
from app.inference import wire
from app.inference.model import FinishReason, Lane
from app.inference.processor import Processor
from app.models.worker.supervisor import WorkerSupervisor
from app.models.worker.take import Take
from tests.support.descriptors import no_descriptors
from tests.support.fakes import fake_pcm
from tests.support.takes import LONG, PATIENCE_S, begun, fake, heard, utterance, whole
from tests.support.variants import in_test_long
from tests.support.waiting import until

pytestmark = pytest.mark.anyio


class Spawned:
    """The workers that were started."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.processes: list[asyncio.subprocess.Process] = []
        start = asyncio.create_subprocess_exec

        async def note(*args: Any, **kwargs: Any) -> asyncio.subprocess.Process:
            process = await start(*args, **kwargs)
            self.processes.append(process)
            return process

        monkeypatch.setattr(asyncio, "create_subprocess_exec", note)

    def __len__(self) -> int:
        return len(self.processes)


@pytest.fixture
def spawned(monkeypatch: pytest.MonkeyPatch) -> Spawned:
    return Spawned(monkeypatch)


@pytest.fixture
def control(tmp_path: Path) -> Path:
    return tmp_path


def tasks() -> set["asyncio.Task[Any]"]:
    """All but those in which anyio calls fixtures and tests."""
    return {task for task in asyncio.all_tasks() if "TestRunner" not in repr(task)}


@asynccontextmanager
async def supervising(*command: str, **times: Any) -> AsyncGenerator[WorkerSupervisor]:
    """A supervisor that leaves nothing behind: no process, no zombie, no task."""
    before = tasks()
    idle_unload_s: float = times.pop("idle_unload_s", 60.0)
    async with WorkerSupervisor(command, idle_unload_s=idle_unload_s, **times) as supervisor:
        yield supervisor
    assert tasks() <= before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)  # noqa: ASYNC222


@pytest.fixture
async def supervisor(control: Path) -> AsyncGenerator[WorkerSupervisor]:
    async with supervising(*fake(control)) as made:
        yield made


async def test_no_worker_is_started_before_it_is_needed(supervisor: WorkerSupervisor, spawned: Spawned) -> None:
    for _ in range(20):
        await anyio.sleep(0.001)

    assert len(spawned) == 0
    assert supervisor.worker_pid is None

    await whole(supervisor.submit(utterance(LONG)))
    assert len(spawned) == 1
    assert supervisor.worker_pid == spawned.processes[0].pid


async def test_many_utterances_are_spoken_by_one_worker(supervisor: WorkerSupervisor, spawned: Spawned) -> None:
    takes = [supervisor.submit(utterance(f"{number} {LONG}", seed=number)) for number in range(20)]

    for take in takes:
        await whole(take)

    assert len(spawned) == 1


async def test_an_error_of_the_model_is_the_end_of_its_take_alone(supervisor: WorkerSupervisor) -> None:
    fine, failing = supervisor.submit(utterance(LONG)), supervisor.submit(utterance("[error]"))

    assert await heard(failing) == b""
    assert (failing.finish_reason, failing.error) == (FinishReason.ERROR, "the fake was asked to fail")
    await whole(fine)


async def test_a_worker_that_has_been_idle_is_ended_and_another_is_started_for_new_work(
    control: Path, spawned: Spawned
) -> None:
    async with supervising(*fake(control), idle_unload_s=0.02) as supervisor:
        for _ in range(3):
            await whole(supervisor.submit(utterance(LONG)))
            await until(lambda: supervisor.worker_pid is None)

    assert len(spawned) == 3
    assert [process.returncode for process in spawned.processes] == [0, 0, 0], "they were asked, not killed"


async def test_a_worker_is_not_idle_while_it_works(control: Path, spawned: Spawned) -> None:
    async with supervising(*fake(control), idle_unload_s=0.01) as supervisor:
        held = supervisor.submit(utterance("[hold:gate] " + LONG))
        await begun(held)
        for _ in range(20):
            await anyio.sleep(0.003)
        assert supervisor.worker_pid is not None

        (control / "gate").touch()

        await held.wait()
    assert len(spawned) == 1


async def test_what_is_submitted_while_an_idle_worker_ends_is_spoken_by_the_next(control: Path) -> None:
    async with supervising(*fake(control), idle_unload_s=0.001, ping_s=0.001) as supervisor:
        for number in range(13):
            text = f"Number {number}. {LONG}"
            first = supervisor.submit(utterance(text, seed=number))
            await whole(first)
            for _ in range(number):  # to another moment each time
                await anyio.sleep(0.0005)

            await whole(supervisor.submit(utterance(text, seed=number + 1)))


async def test_the_moment_in_which_an_idle_worker_ends_is_one_to_close_at(control: Path) -> None:
    with anyio.fail_after(PATIENCE_S):
        async with supervising(*fake(control), idle_unload_s=0.001, ping_s=0.001) as supervisor:
            await whole(supervisor.submit(utterance(LONG)))
            while supervisor.loaded:
                await anyio.lowlevel.checkpoint()


async def test_a_worker_that_dies_leaves_no_seam_in_the_audio(
    supervisor: WorkerSupervisor, control: Path, spawned: Spawned
) -> None:
    takes = [supervisor.submit(utterance(f"[die:once{number}] {LONG}", seed=number)) for number in range(3)]

    for take in takes:
        await whole(take)

    assert len(spawned) == 4
    assert len(os.listdir(control)) == 3


async def test_a_worker_that_is_killed_in_the_middle_of_a_take_is_replaced(
    supervisor: WorkerSupervisor, control: Path
) -> None:
    take = supervisor.submit(utterance(f"[hold:gate] {LONG}"))
    pieces = take.pcm()
    with anyio.fail_after(PATIENCE_S):
        first = await anext(pieces)
    before = supervisor.worker_pid
    assert before is not None

    os.kill(before, signal.SIGKILL)
    await until(lambda: supervisor.worker_pid not in (None, before))
    (control / "gate").touch()

    with anyio.fail_after(PATIENCE_S):
        rest = b"".join([pcm async for pcm in pieces])
    assert first + rest == fake_pcm(take.utterance)


async def test_a_worker_that_is_killed_while_it_rests_is_not_missed(
    supervisor: WorkerSupervisor, spawned: Spawned
) -> None:
    await whole(supervisor.submit(utterance(LONG)))
    before = supervisor.worker_pid
    assert before is not None

    os.kill(before, signal.SIGKILL)
    await until(lambda: supervisor.worker_pid is None)
    assert len(spawned) == 1

    await whole(supervisor.submit(utterance(LONG)))


async def test_work_for_a_worker_that_died_a_moment_ago_is_done_by_the_next(supervisor: WorkerSupervisor) -> None:
    for _ in range(5):
        await whole(supervisor.submit(utterance(LONG)))
        assert supervisor.worker_pid is not None

        os.kill(supervisor.worker_pid, signal.SIGKILL)

        await whole(supervisor.submit(utterance(LONG)))


async def test_a_worker_that_does_not_answer_is_killed_and_its_work_done_again(
    control: Path, spawned: Spawned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.process.children.GRACE_S", 0.02)
    async with supervising(*fake(control), ping_s=0.02, answer_s=0.3) as supervisor:
        hanging, innocent = supervisor.submit(utterance(f"[hang:once] {LONG}")), supervisor.submit(utterance(LONG))

        await whole(hanging)
        await whole(innocent)

    assert spawned.processes[0].returncode == -signal.SIGKILL
    assert len(spawned) == 2


async def test_a_slow_worker_that_answers_is_not_taken_for_a_hung_one(control: Path, spawned: Spawned) -> None:
    async with supervising(*fake(control), ping_s=0.01, answer_s=0.3) as supervisor:
        held = supervisor.submit(utterance(f"[hold:gate] {LONG}"))
        await begun(held)
        for _ in range(100):
            await anyio.sleep(0.005)
        (control / "gate").touch()

        await held.wait()

    assert held.finish_reason is FinishReason.STOP
    assert len(spawned) == 1


async def test_what_kills_three_workers_is_quarantined_and_nothing_else(
    supervisor: WorkerSupervisor, spawned: Spawned
) -> None:
    poison = utterance(f"[die] {LONG}")
    before = [supervisor.submit(utterance(f"before {number} {LONG}")) for number in range(3)]
    take = supervisor.submit(poison)
    behind = [supervisor.submit(utterance(f"behind {number} {LONG}")) for number in range(3)]

    with pytest.raises(InferenceFailed, match="3 times"):
        await heard(take)

    for innocent in before + behind:
        await whole(innocent)
    assert len(spawned) == 4, "three were killed, the fourth has done the rest"
    await whole(supervisor.submit(utterance(LONG)))


async def test_a_suspect_is_alone_until_it_is_done(control: Path) -> None:
    command = (sys.executable, "-P", "-m", "tests.scheduler.recorder", str(control), "4")
    async with supervising(*command) as supervisor:
        suspect, innocent = (
            supervisor.submit(utterance(f"[hold:gate] {LONG}")),
            supervisor.submit(utterance(f"[hold:gate] {LONG}")),
        )
        await begun(suspect)
        before = supervisor.worker_pid
        assert before is not None
        os.kill(before, signal.SIGKILL)
        await until(lambda: suspect.sent and supervisor.worker_pid not in (None, before))

        behind = [supervisor.submit(utterance(LONG)) for _ in range(3)]
        for _ in range(20):
            await anyio.sleep(0.001)
        assert not innocent.sent
        assert not any(take.sent for take in behind)

        (control / "gate").touch()
        for take in (innocent, *behind):
            await whole(take)
        with anyio.fail_after(PATIENCE_S):
            await suspect.wait()
    record = (control / "record").read_text()
    assert record.count('"add"') == 2 + 2 + 3, "each was given to each worker once"


async def test_two_that_kill_are_both_found(supervisor: WorkerSupervisor, spawned: Spawned) -> None:
    poisons = [supervisor.submit(utterance(f"[die] {number} {LONG}")) for number in range(2)]
    innocent = supervisor.submit(utterance(LONG))

    for poison in poisons:
        with pytest.raises(InferenceFailed, match="3 times"):
            await heard(poison)

    await whole(innocent)
    assert len(spawned) == 6, "one for both, two for each alone, and the last"


async def killed_once_more(supervisor: WorkerSupervisor, take: Take) -> None:
    """Kill the worker that has the take."""
    kills = take.kills
    await until(lambda: take.sent)
    assert supervisor.worker_pid is not None
    os.kill(supervisor.worker_pid, signal.SIGKILL)
    await until(lambda: take.kills > kills)


async def test_what_was_there_when_two_workers_died_is_spoken_by_the_third(
    supervisor: WorkerSupervisor, control: Path
) -> None:
    take = supervisor.submit(utterance(f"[hold:gate] {LONG}"))
    for _ in range(2):
        await killed_once_more(supervisor, take)

    (control / "gate").touch()

    await whole(take)


async def test_a_take_that_is_canceled_before_it_is_sent_ends_at_once(
    supervisor: WorkerSupervisor, spawned: Spawned
) -> None:
    take = supervisor.submit(utterance(LONG))

    supervisor.cancel(take)

    assert take.finish_reason is FinishReason.CANCELED
    assert await heard(take) == b""
    await whole(supervisor.submit(utterance(LONG)))


async def test_a_take_that_is_canceled_in_the_middle_ends_when_the_model_has_let_go(
    supervisor: WorkerSupervisor,
) -> None:
    take = supervisor.submit(utterance(f"[hold:never] {LONG}"))
    await begun(take)

    supervisor.cancel(take)
    supervisor.cancel(take)
    assert not take.ended

    with anyio.fail_after(PATIENCE_S):
        await take.wait()
    assert take.finish_reason is FinishReason.CANCELED
    await whole(supervisor.submit(utterance(LONG)))


async def test_a_take_that_is_canceled_too_late_stays_what_it_is(supervisor: WorkerSupervisor) -> None:
    take = supervisor.submit(utterance(LONG))
    await whole(take)

    supervisor.cancel(take)

    assert take.finish_reason is FinishReason.STOP
    await whole(supervisor.submit(utterance(LONG)))


async def test_a_take_can_be_canceled_at_any_moment(supervisor: WorkerSupervisor) -> None:
    await whole(supervisor.submit(utterance(LONG)))
    for ticks in range(60):
        take, beside = supervisor.submit(utterance(LONG)), supervisor.submit(utterance(LONG))
        for _ in range(ticks):
            await anyio.lowlevel.checkpoint()

        supervisor.cancel(take)

        with anyio.fail_after(PATIENCE_S):
            await take.wait()
        assert take.finish_reason in (FinishReason.CANCELED, FinishReason.STOP)
        await whole(beside)


async def test_a_canceled_take_whose_worker_dies_is_canceled(
    supervisor: WorkerSupervisor, spawned: Spawned
) -> None:
    take = supervisor.submit(utterance(f"[hold:never] {LONG}"))
    await begun(take)
    pid = supervisor.worker_pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)  # it cannot answer the cancel
    supervisor.cancel(take)

    os.kill(pid, signal.SIGKILL)

    with anyio.fail_after(PATIENCE_S):
        await take.wait()
    assert take.finish_reason is FinishReason.CANCELED


@pytest.mark.parametrize("command", ["false", "true", "/nowhere/at/all"])
async def test_a_worker_that_never_starts_is_given_up_after_three_times_and_tried_again_later(
    spawned: Spawned, command: str
) -> None:
    async with supervising(command) as supervisor:
        for _ in range(2):
            takes = [supervisor.submit(utterance(LONG)) for _ in range(2)]
            for take in takes:
                with pytest.raises(ModelNotReady, match="does not start"):
                    await heard(take)

    assert len(spawned) == (0 if command.startswith("/") else 6)


async def test_a_model_that_comes_back_works_again(control: Path) -> None:
    script = f'test -e {control}/there || exit 1; exec "$@"'
    async with supervising("sh", "-c", script, "sh", *fake(control)) as supervisor:
        with pytest.raises(ModelNotReady):
            await heard(supervisor.submit(utterance(LONG)))

        (control / "there").touch()

        await whole(supervisor.submit(utterance(LONG)))


async def test_two_bad_starts_are_forgiven_again_and_again(control: Path, spawned: Spawned) -> None:
    script = f'for n in 1 2; do test -e {control}/$n || {{ touch {control}/$n; exit 1; }}; done; exec "$@"'
    async with supervising("sh", "-c", script, "sh", *fake(control)) as supervisor:
        for _ in range(2):
            await whole(supervisor.submit(utterance(LONG)))
            assert supervisor.worker_pid is not None
            os.kill(supervisor.worker_pid, signal.SIGKILL)
            await until(lambda: supervisor.worker_pid is None)
            for number in ("1", "2"):
                (control / number).unlink()

    assert len(spawned) == 6


async def test_a_worker_that_starts_too_slowly_is_given_up(
    spawned: Spawned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.process.children.GRACE_S", 0.02)
    async with supervising("sleep", "1000", start_s=0.02) as supervisor:
        with pytest.raises(ModelNotReady, match="does not start"):
            await heard(supervisor.submit(utterance(LONG)))

    assert [process.returncode for process in spawned.processes] == [-signal.SIGKILL] * 3


def saying(message: wire.FromWorker | bytes) -> tuple[str, ...]:
    """A worker that says one thing, and waits for its pipe to close."""
    said = message if isinstance(message, bytes) else wire.packed(message)
    program = f"import os, sys; os.write(1, {said!r}); sys.stdin.read()"
    return sys.executable, "-P", "-c", program


async def test_a_model_that_cannot_be_loaded_is_not_tried_three_times(spawned: Spawned) -> None:
    async with supervising(*saying(wire.LoadFailed("weights.bin is missing"))) as supervisor:
        for _ in range(2):
            with pytest.raises(ModelNotReady, match=r"weights\.bin is missing"):
                await heard(supervisor.submit(utterance(LONG)))

    assert len(spawned) == 2


@pytest.mark.parametrize("said", [wire.Pong(), b"Traceback (most recent call last):", b"\0\0\0\3abc", b"\0\0\0\0"])
async def test_a_worker_that_does_not_speak_the_language_is_given_up(said: wire.FromWorker | bytes) -> None:
    async with supervising(*saying(said)) as supervisor:
        with pytest.raises(ModelNotReady, match="does not start"):
            await heard(supervisor.submit(utterance(LONG)))


async def test_a_worker_that_falls_out_of_step_is_replaced_until_its_work_is_quarantined(spawned: Spawned) -> None:
    async with supervising(
        *saying(wire.packed(wire.Ready(1, Processor("cpu"))) + b"\xff\xff\xff\xff")
    ) as supervisor:
        with pytest.raises(InferenceFailed, match="3 times"):
            await heard(supervisor.submit(utterance(LONG)))

    assert len(spawned) == 3


async def test_frames_of_nobody_are_ignored() -> None:
    stray = wire.packed(wire.Ready(1, Processor("cpu"))) + wire.packed(wire.Frames([])) + wire.packed(wire.Pong())
    async with supervising(*saying(stray)) as supervisor:
        take = supervisor.submit(utterance(LONG))
        await until(lambda: take.sent)

        assert not take.ended


async def test_free_slots_are_those_for_renders_and_are_announced(control: Path) -> None:
    wakeup = asyncio.Event()
    async with supervising(*fake(control, 2), wakeup=wakeup) as supervisor:
        assert supervisor.free_slots == 1, "before a model says how much it can do, it gets one"
        first = supervisor.submit(utterance("[hold:gate] Held."))
        assert supervisor.free_slots == 0
        assert not wakeup.is_set()
        await begun(first)
        assert supervisor.free_slots == 1
        assert wakeup.is_set()
        wakeup.clear()
        listener = supervisor.submit(utterance("[hold:gate] Held.", lane=Lane.SPEAK))
        second = supervisor.submit(utterance("[hold:gate] Held."))
        assert supervisor.free_slots == 0

        (control / "gate").touch()

        for take in (first, listener, second):
            await take.wait()
        assert supervisor.free_slots == 2
        assert wakeup.is_set()


@pytest.mark.parametrize(
    "text", [LONG, f"[die] {LONG}", *in_test_long(f"[hold:never] {LONG}", f"[hang:once] {LONG}")]
)
async def test_a_pool_that_is_left_in_the_middle_leaves_nothing_behind(
    control: Path, text: str, spawned: Spawned
) -> None:
    for ticks in (0, 1, 20, 200):
        async with supervising(*fake(control)) as supervisor:
            supervisor.submit(utterance(text))
            for _ in range(ticks):
                await anyio.sleep(0.001)

    assert all(process.returncode is not None for process in spawned.processes)


async def test_a_worker_whose_words_nobody_reads_any_more_is_still_asked_to_end(
    control: Path, spawned: Spawned
) -> None:
    """It stands in the middle of a write, and would not see that its pipe is closed."""
    async with supervising(*fake(control)) as supervisor:
        takes = [supervisor.submit(utterance(f"[long] {number}")) for number in range(60)]
        await begun(takes[0])

    assert spawned.processes[0].returncode == 0


async def test_while_too_many_files_are_open_the_start_of_a_worker_waits(
    control: Path, spawned: Spawned, caplog: pytest.LogCaptureFixture
) -> None:
    async with supervising(*fake(control), retry_s=0.01) as supervisor:
        with no_descriptors():
            take = supervisor.submit(utterance(LONG))
            await until(lambda: "the worker waits" in caplog.text)

        await whole(take)

    assert len(spawned) == 1
    assert caplog.text.count("the worker waits") == 1
