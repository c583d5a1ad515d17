"""Two models that must not be in memory at once: who has the turn, and when it is let go of."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from app.errors import ModelNotReady
from app.inference.model import FinishReason, Lane
from app.models.worker.residency import Demand, Next, Tenure, Turn
from app.models.worker.supervisor import Pool
from tests.models.test_supervisor import LONG, begun, fake, heard, utterance, whole
from tests.support.fakes import fake_pcm
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

NEVER = 1_000.0


@pytest.mark.parametrize(
    ("tenure", "wanted", "busy", "speaking", "listened_to", "next"),
    [
        pytest.param(Tenure(0, 0), Demand.NO, False, False, False, Next.GO_ON, id="nobody waits"),
        pytest.param(Tenure(NEVER, 0), Demand.SOON, False, False, False, Next.LEAVE, id="idle, for a file"),
        pytest.param(Tenure(NEVER, NEVER), Demand.NOW, False, False, False, Next.LEAVE, id="idle, for a listener"),
        pytest.param(Tenure(NEVER, 0), Demand.NOW, True, True, False, Next.LEAVE, id="rendering, for a listener"),
        pytest.param(Tenure(NEVER, 0), Demand.NOW, True, True, True, Next.GO_ON, id="listened to, for a listener"),
        pytest.param(Tenure(NEVER, 0), Demand.SOON, True, True, False, Next.GO_ON, id="rendering, for a file"),
        pytest.param(Tenure(0, 0), Demand.SOON, True, True, False, Next.FINISH, id="rendering for long"),
        pytest.param(Tenure(0, 0), Demand.NOW, True, True, True, Next.FINISH, id="listened to for long"),
        pytest.param(Tenure(0, 0), Demand.SOON, True, False, False, Next.LEAVE, id="for long, between two chunks"),
    ],
)
def test_the_turn_is_let_go_of(
    tenure: Tenure, wanted: Demand, busy: bool, speaking: bool, listened_to: bool, next: Next
) -> None:
    assert tenure.next(wanted, busy=busy, speaking=speaking, listened_to=listened_to) is next


def test_who_has_just_been_listened_to_stays_for_a_while() -> None:
    tenure = Tenure(0, NEVER)
    tenure.heard_out()

    assert tenure.next(Demand.SOON, busy=False, speaking=False, listened_to=False) is Next.GO_ON
    assert tenure.next(Demand.NOW, busy=False, speaking=False, listened_to=False) is Next.LEAVE


def test_a_model_that_nobody_has_listened_to_keeps_no_render_waiting() -> None:
    assert Tenure(0, NEVER).next(Demand.SOON, busy=False, speaking=False, listened_to=False) is Next.LEAVE


async def test_listeners_come_first_and_then_who_came_first() -> None:
    turn, order = Turn(), list[str]()
    wishes = {"one": Demand.SOON, "two": Demand.SOON, "three": Demand.NOW}

    async def take_turn(name: str) -> None:
        async with turn.held(lambda: wishes[name]):
            order.append(name)

    async with turn.held(lambda: Demand.SOON):
        tasks = [asyncio.create_task(take_turn(name)) for name in wishes]
        await until(lambda: turn.wanted is Demand.NOW)
        assert order == []
    await asyncio.gather(*tasks)

    assert order == ["three", "one", "two"]


async def test_one_that_is_canceled_while_it_waits_leaves_no_hole() -> None:
    turn = Turn()
    async with turn.held(lambda: Demand.SOON):
        waiting = asyncio.create_task(_held(turn))
        await until(lambda: turn.wanted is Demand.SOON)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

        assert turn.wanted is Demand.NO
    with anyio.fail_after(5):
        await _held(turn)


async def _held(turn: Turn) -> None:
    async with turn.held(lambda: Demand.SOON):
        pass


@asynccontextmanager
async def pair(control: Path, tenure: tuple[float, float]) -> AsyncGenerator[tuple[Pool, Pool]]:
    """Two pools that share a turn."""
    turn = Turn()
    async with (
        Pool(fake(control), idle_unload_s=60, turn=turn, tenure=Tenure(*tenure)) as one,
        Pool(fake(control), idle_unload_s=60, turn=turn, tenure=Tenure(*tenure)) as two,
    ):
        yield one, two


def alone(one: Pool, two: Pool) -> bool:
    return one.worker_pid is None or two.worker_pid is None


async def test_a_listener_of_another_model_is_heard_although_a_render_is_at_work(tmp_path: Path) -> None:
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
            await render.ending()
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
        await two.unloaded()
        assert two.worker_pid is None
        await whole(two.submit(utterance(LONG)))


async def test_a_model_that_is_speaking_is_not_unloaded(tmp_path: Path) -> None:
    async with pair(tmp_path, (NEVER, 0)) as (one, _):
        take = one.submit(utterance("[hold:now] " + LONG))
        await begun(take)

        assert not one.unload()

        (tmp_path / "now").touch()
        await take.ending()
        assert one.loaded


async def test_who_waits_for_a_model_that_does_not_load_is_told(tmp_path: Path) -> None:
    async with Pool(("false",), idle_unload_s=60) as pool:
        with pytest.raises(ModelNotReady, match="does not start"):
            await pool.load()

        assert "does not start" in pool.load_error
