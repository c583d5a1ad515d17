"""A take: the audio of an utterance, seamless whatever becomes of the workers that speak it."""

import asyncio

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InferenceFailed
from app.inference.model import FinishReason, Frame, Lane, Utterance, VoiceKind, VoiceSpec
from app.models.worker.take import Take

pytestmark = pytest.mark.anyio

UTTERANCE = Utterance(id=1, text="Text.", voice=VoiceSpec(VoiceKind.PRESET), lane=Lane.RENDER, seed=1)


def frame(pcm: bytes) -> Frame:
    return Frame(1, pcm)


async def heard(take: Take) -> bytes:
    with anyio.fail_after(10):
        return b"".join([pcm async for pcm in take.pcm()])


async def test_the_audio_is_what_the_frames_bring() -> None:
    take = Take(UTTERANCE)
    listening = asyncio.create_task(heard(take))
    for piece in (b"aa", b"", b"bb", b"cc"):
        take.receive(frame(piece))
        await anyio.lowlevel.checkpoint()

    take.end(FinishReason.STOP)

    assert await listening == b"aabbcc"
    assert take.finish_reason is FinishReason.STOP


async def test_what_has_come_is_read_at_once_and_no_more_is_kept() -> None:
    take = Take(UTTERANCE)
    pieces = take.pcm()
    take.receive(frame(b"aa"))
    take.receive(frame(b"bb"))

    assert await anext(pieces) == b"aabb"

    take.receive(frame(b"cc"))
    assert await anext(pieces) == b"cc"
    await pieces.aclose()


async def test_an_error_comes_after_the_audio() -> None:
    take = Take(UTTERANCE)
    take.receive(frame(b"aa"))
    take.end(FinishReason.ERROR, InferenceFailed("broken"))
    pieces = take.pcm()

    assert await anext(pieces) == b"aa"
    with pytest.raises(InferenceFailed, match="broken"):
        await anext(pieces)


async def test_waiting_for_the_end_does_not_raise_and_does_not_take_the_audio() -> None:
    take = Take(UTTERANCE)
    ending = asyncio.create_task(take.wait())
    listening = asyncio.create_task(heard(take))
    await anyio.lowlevel.checkpoint()
    take.receive(frame(b"aa"))
    take.end(FinishReason.ERROR, InferenceFailed("broken"))

    await ending
    with pytest.raises(InferenceFailed):
        await listening


@given(
    lives=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9)), max_size=5),
    last=st.integers(1, 9),
)
def test_whenever_workers_die_the_listener_hears_the_audio_once(lives: list[tuple[int, int]], last: int) -> None:
    take, pcm = Take(UTTERANCE), bytes(range(60))

    def live(upto: int, size: int) -> None:
        for start in range(0, min(upto, len(pcm)), size):
            take.receive(frame(pcm[start : min(start + size, upto)]))

    for upto, size in lives:
        take.sent = True
        live(upto, size)
        take.start_over()
        assert not take.sent
    live(len(pcm), last)
    take.end(FinishReason.STOP)

    assert asyncio.run(heard(take)) == pcm
