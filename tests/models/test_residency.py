"""Two models that must not be in memory at once: whose is there, and when it is released."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from app.errors import ModelNotReady
from app.inference.model import FinishReason, Lane
from app.models.worker.residency import Activity, Demand, ModelResidency, ResidencyPolicy, Verdict
from app.models.worker.supervisor import WorkerSupervisor
from tests.support.fakes import fake_pcm
from tests.support.takes import LONG, begun, fake, heard, utterance, whole
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

NEVER = 1_000.0


IDLE = Activity()
RENDERING = Activity(busy=True, speaking=True)
BETWEEN_CHUNKS = Activity(busy=True)
LISTENED_TO = Activity(busy=True, speaking=True, listened_to=True)


@pytest.mark.parametrize(
    ("policy", "demand", "activity", "verdict"),
    [
        pytest.param(ResidencyPolicy(0, 0), Demand.NONE, IDLE, Verdict.KEEP, id="nobody waits"),
        pytest.param(ResidencyPolicy(NEVER, 0), Demand.SOON, IDLE, Verdict.STOP, id="idle, for a file"),
        pytest.param(ResidencyPolicy(NEVER, NEVER), Demand.NOW, IDLE, Verdict.STOP, id="idle, for a listener"),
        pytest.param(
            ResidencyPolicy(NEVER, 0), Demand.NOW, RENDERING, Verdict.STOP, id="rendering, for a listener"
        ),
        pytest.param(
            ResidencyPolicy(NEVER, 0), Demand.NOW, LISTENED_TO, Verdict.KEEP, id="listened to, for a listener"
        ),
        pytest.param(ResidencyPolicy(NEVER, 0), Demand.SOON, RENDERING, Verdict.KEEP, id="rendering, for a file"),
        pytest.param(ResidencyPolicy(0, 0), Demand.SOON, RENDERING, Verdict.DRAIN, id="rendering for long"),
        pytest.param(ResidencyPolicy(0, 0), Demand.NOW, LISTENED_TO, Verdict.DRAIN, id="listened to for long"),
        pytest.param(
            ResidencyPolicy(0, 0), Demand.SOON, BETWEEN_CHUNKS, Verdict.STOP, id="for long, between chunks"
        ),
    ],
)
def test_the_residency_is_released(
    policy: ResidencyPolicy, demand: Demand, activity: Activity, verdict: Verdict
) -> None:
    assert policy.decide(demand, activity) is verdict


def test_a_model_that_was_just_listened_to_stays_in_memory_for_a_while() -> None:
    policy = ResidencyPolicy(0, NEVER)
    policy.note_listener()

    assert policy.decide(Demand.SOON, IDLE) is Verdict.KEEP
    assert policy.decide(Demand.NOW, IDLE) is Verdict.STOP


def test_a_model_that_nobody_has_listened_to_keeps_no_render_waiting() -> None:
    assert ResidencyPolicy(0, NEVER).decide(Demand.SOON, IDLE) is Verdict.STOP


async def test_listeners_come_first_and_then_who_came_first() -> None:
    residency, order = ModelResidency(), list[str]()
    demands = {"one": Demand.SOON, "two": Demand.SOON, "three": Demand.NOW}

    async def take_turn(name: str) -> None:
        async with residency.hold(lambda: demands[name]):
            order.append(name)

    async with residency.hold(lambda: Demand.SOON):
        tasks = [asyncio.create_task(take_turn(name)) for name in demands]
        await until(lambda: residency.demand is Demand.NOW)
        assert order == []
    await asyncio.gather(*tasks)

    assert order == ["three", "one", "two"]


async def test_one_that_is_canceled_while_it_waits_leaves_no_hole() -> None:
    residency = ModelResidency()
    async with residency.hold(lambda: Demand.SOON):
        waiting = asyncio.create_task(_held(residency))
        await until(lambda: residency.demand is Demand.SOON)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

        assert residency.demand is Demand.NONE
    with anyio.fail_after(5):
        await _held(residency)


async def _held(residency: ModelResidency) -> None:
    async with residency.hold(lambda: Demand.SOON):
        pass


@asynccontextmanager
async def pair(
    control: Path, policy: tuple[float, float]
) -> AsyncGenerator[tuple[WorkerSupervisor, WorkerSupervisor]]:
    """Two supervisors that share a residency."""
    residency = ModelResidency()
    async with (
        WorkerSupervisor(
            fake(control), idle_unload_s=60, residency=residency, policy=ResidencyPolicy(*policy)
        ) as one,
        WorkerSupervisor(
            fake(control), idle_unload_s=60, residency=residency, policy=ResidencyPolicy(*policy)
        ) as two,
    ):
        yield one, two


def alone(one: WorkerSupervisor, two: WorkerSupervisor) -> bool:
    return one.worker_pid is None or two.worker_pid is None


async def test_a_listener_of_another_model_is_heard_although_a_render_is_running(tmp_path: Path) -> None:
    async with pair(tmp_path, (NEVER, 0)) as (one, two):
        render = one.submit(utterance("[hold:later] " + LONG))
        first = await begun(render)

        await whole(two.submit(utterance(LONG, lane=Lane.SPEAK)))

        assert alone(one, two)
        (tmp_path / "later").touch()
        assert first + await heard(render) == fake_pcm(render.utterance)
        assert alone(one, two)


async def test_a_render_that_gave_way_is_whole(tmp_path: Path) -> None:
    async with pair(tmp_path, (NEVER, 0)) as (one, two):
        render = one.submit(utterance("[hold:later] " + LONG))
        await until(lambda: one.loaded)
        await whole(two.submit(utterance(LONG, lane=Lane.SPEAK)))
        (tmp_path / "later").touch()

        await whole(render)

        assert render.kills == 0


async def test_a_render_that_is_canceled_when_it_gives_way_is_over(tmp_path: Path) -> None:
    async with pair(tmp_path, (NEVER, 0)) as (one, two):
        render = one.submit(utterance("[hold:never] " + LONG))
        await begun(render)
        speaking = two.submit(utterance(LONG, lane=Lane.SPEAK))
        one.cancel(render)

        with anyio.fail_after(10):
            await render.wait()
        await whole(speaking)

        assert render.finish_reason is FinishReason.CANCELED


async def test_renders_of_two_models_take_turns_and_both_are_whole(tmp_path: Path) -> None:
    async with pair(tmp_path, (0.01, 0)) as (one, two):
        first = [one.submit(utterance(f"{number} {LONG}")) for number in range(5)]
        second = [two.submit(utterance(f"{number} {LONG}")) for number in range(5)]

        for take in (*first, *second):
            await whole(take)

        assert alone(one, two)


async def test_loading_waits_until_the_model_is_there_and_unloading_until_it_is_gone(tmp_path: Path) -> None:
    async with pair(tmp_path, (NEVER, 0)) as (one, two):
        await one.load()
        assert one.loaded
        await one.load()

        await two.load()  # idle models make room at once

        assert (one.worker_pid, two.loaded) == (None, True)
        assert two.unload()
        await two.wait_stopped()
        assert two.worker_pid is None
        await whole(two.submit(utterance(LONG)))


async def test_a_model_that_is_speaking_is_not_unloaded(tmp_path: Path) -> None:
    async with pair(tmp_path, (NEVER, 0)) as (one, _):
        take = one.submit(utterance("[hold:now] " + LONG))
        await begun(take)

        assert not one.unload()

        (tmp_path / "now").touch()
        await take.wait()
        assert one.loaded


async def test_whoever_waits_for_a_model_that_does_not_load_is_told(tmp_path: Path) -> None:
    async with WorkerSupervisor(("false",), idle_unload_s=60) as supervisor:
        with pytest.raises(ModelNotReady, match="does not start"):
            await supervisor.load()

        assert "does not start" in supervisor.load_error
