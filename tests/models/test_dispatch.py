"""Which takes a worker may have, and what becomes of them when it dies: without any process."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InferenceFailed, ModelNotReady
from app.inference.model import FinishReason, Frame, Lane, Utterance, VoiceKind, VoiceSpec
from app.models.worker.dispatch import MAX_KILLS, Dispatcher
from app.models.worker.residency import Activity, Demand, ResidencyPolicy, Verdict
from app.models.worker.take import Take

pytestmark = pytest.mark.anyio

NEVER = 1_000.0


@pytest.fixture
def wakeup() -> asyncio.Event:
    return asyncio.Event()


@pytest.fixture
def dispatcher(wakeup: asyncio.Event) -> Dispatcher:
    return Dispatcher(ResidencyPolicy(0, NEVER), wakeup)


def utterance(lane: Lane = Lane.RENDER) -> Utterance:
    return Utterance(text="Text.", voice=VoiceSpec(VoiceKind.PRESET), lane=lane, seed=1)


def add(dispatcher: Dispatcher, *lanes: Lane) -> list[Take]:
    return [dispatcher.add(utterance(lane)) for lane in lanes]


def final(take: Take, reason: FinishReason | None = FinishReason.STOP, error: str = "") -> Frame:
    return Frame(take.utterance.id, b"", final=True, finish_reason=reason, error=error)


async def heard(take: Take) -> bytes:
    return b"".join([pcm async for pcm in take.pcm()])


def test_each_utterance_has_an_id_of_its_own_and_knows_the_one_before(dispatcher: Dispatcher) -> None:
    first = dispatcher.add(utterance())
    second = dispatcher.add(utterance(), after=first)

    assert first.utterance.id != second.utterance.id
    assert (first.utterance.after, second.utterance.after) == (0, first.utterance.id)


def test_all_takes_are_sent_at_once_and_each_once(dispatcher: Dispatcher) -> None:
    takes = add(dispatcher, Lane.RENDER, Lane.SPEAK, Lane.RENDER)
    assert dispatcher.activity == Activity(busy=True, speaking=False, listened_to=True)

    assert dispatcher.select_sendable() == takes
    assert dispatcher.select_sendable() == []
    (later,) = add(dispatcher, Lane.RENDER)
    assert dispatcher.select_sendable() == [later]
    assert dispatcher.activity == Activity(busy=True, speaking=True, listened_to=True)
    assert dispatcher.renders == 3


async def test_frames_go_to_their_takes_and_those_of_nobody_nowhere(
    dispatcher: Dispatcher, wakeup: asyncio.Event
) -> None:
    one, two = add(dispatcher, Lane.RENDER, Lane.RENDER)
    dispatcher.select_sendable()

    assert not dispatcher.deliver(
        [Frame(one.utterance.id, b"aa"), Frame(two.utterance.id, b"bb"), Frame(99, b"cc")]
    )
    assert not wakeup.is_set()
    assert dispatcher.deliver([final(one), Frame(one.utterance.id, b"too late")])

    assert wakeup.is_set()
    assert (await heard(one), one.finish_reason) == (b"aa", FinishReason.STOP)
    assert not two.ended


def test_a_final_frame_without_a_reason_is_an_error(dispatcher: Dispatcher) -> None:
    (take,) = add(dispatcher, Lane.RENDER)
    dispatcher.select_sendable()

    dispatcher.deliver([final(take, None, "it broke")])

    assert (take.finish_reason, take.error) == (FinishReason.ERROR, "it broke")


def test_a_take_that_was_not_sent_is_canceled_at_once(dispatcher: Dispatcher, wakeup: asyncio.Event) -> None:
    (take,) = add(dispatcher, Lane.RENDER)

    dispatcher.cancel(take)

    assert take.finish_reason is FinishReason.CANCELED
    assert dispatcher.activity == Activity()
    assert wakeup.is_set()


def test_a_take_that_was_sent_is_canceled_by_its_worker(dispatcher: Dispatcher) -> None:
    (take,) = add(dispatcher, Lane.RENDER)
    dispatcher.select_sendable()

    dispatcher.cancel(take)

    assert take.canceled
    assert not take.ended


def test_what_is_taken_back_is_sent_again_and_is_not_suspect(dispatcher: Dispatcher) -> None:
    takes = add(dispatcher, Lane.RENDER, Lane.RENDER, Lane.RENDER)
    dispatcher.select_sendable()
    dispatcher.cancel(takes[1])

    dispatcher.take_back()

    assert takes[1].finish_reason is FinishReason.CANCELED
    assert dispatcher.select_sendable() == [takes[0], takes[2]]


def test_suspects_are_sent_one_at_a_time(dispatcher: Dispatcher) -> None:
    one, two = add(dispatcher, Lane.RENDER, Lane.RENDER)
    dispatcher.select_sendable()
    dispatcher.blame("it died")
    (innocent,) = add(dispatcher, Lane.RENDER)

    assert dispatcher.select_sendable() == [one]
    assert dispatcher.select_sendable() == []
    dispatcher.deliver([final(one)])
    assert dispatcher.select_sendable() == [two]
    dispatcher.deliver([final(two)])
    assert dispatcher.select_sendable() == [innocent]


def test_listeners_that_are_not_suspect_come_before_suspects(dispatcher: Dispatcher) -> None:
    (suspect,) = add(dispatcher, Lane.SPEAK)
    dispatcher.select_sendable()
    dispatcher.blame("it died")
    _, *listeners = add(dispatcher, Lane.RENDER, Lane.SPEAK, Lane.SPEAK)

    assert dispatcher.select_sendable() == listeners
    dispatcher.deliver([final(take) for take in listeners])
    assert dispatcher.select_sendable() == [suspect]


async def test_what_kills_too_often_fails_and_the_others_do_not(dispatcher: Dispatcher) -> None:
    poison, innocent = add(dispatcher, Lane.RENDER, Lane.RENDER)
    sent: list[list[Take]] = []
    for _ in range(MAX_KILLS):
        sent.append(dispatcher.select_sendable())
        dispatcher.blame("it died")

    assert sent == [[poison, innocent], *[[poison]] * (MAX_KILLS - 1)]
    with pytest.raises(InferenceFailed, match=f"{MAX_KILLS} times"):
        await heard(poison)
    assert dispatcher.select_sendable() == [innocent]


def test_a_canceled_take_whose_worker_dies_is_canceled(dispatcher: Dispatcher) -> None:
    (take,) = add(dispatcher, Lane.RENDER)
    dispatcher.select_sendable()
    dispatcher.cancel(take)

    dispatcher.blame("it died")

    assert take.finish_reason is FinishReason.CANCELED


async def test_what_waits_for_a_model_that_does_not_load_is_refused(dispatcher: Dispatcher) -> None:
    takes = add(dispatcher, Lane.RENDER, Lane.SPEAK)

    dispatcher.refuse(ModelNotReady("no weights"))

    for take in takes:
        with pytest.raises(ModelNotReady, match="no weights"):
            await heard(take)
    assert dispatcher.activity == Activity()


@pytest.mark.parametrize(("lane", "verdict"), [(Lane.SPEAK, Verdict.KEEP), (Lane.RENDER, Verdict.STOP)])
def test_a_model_stays_for_the_one_who_has_just_listened(lane: Lane, verdict: Verdict) -> None:
    policy = ResidencyPolicy(0, NEVER)
    dispatcher = Dispatcher(policy, asyncio.Event())
    (take,) = add(dispatcher, lane)
    dispatcher.select_sendable()

    dispatcher.deliver([final(take)])

    assert policy.decide(Demand.SOON, dispatcher.activity) is verdict


@given(poisons=st.sets(st.integers(0, 5)), count=st.integers(1, 6))
def test_whoever_kills_is_found_and_nobody_else(poisons: set[int], count: int) -> None:
    dispatcher = Dispatcher(ResidencyPolicy(), asyncio.Event())
    takes = [dispatcher.add(utterance()) for _ in range(count)]

    for _ in range(MAX_KILLS * count + 2):
        in_work = dispatcher.select_sendable() and [take for take in takes if take.sent and not take.ended]
        if any(takes.index(take) in poisons for take in in_work):
            dispatcher.blame("it died")
        else:
            dispatcher.deliver([final(take) for take in in_work])

    reasons = [take.finish_reason for take in takes]
    assert reasons == [FinishReason.ERROR if n in poisons else FinishReason.STOP for n in range(count)]
