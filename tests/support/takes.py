"""Utterances for a supervisor whose worker is the fake one, and what comes of their takes."""

import sys
from pathlib import Path

import anyio

from app.inference.model import FinishReason, Lane, Utterance, VoiceKind, VoiceSpec
from app.models.worker.take import Take
from tests.support.fakes import fake_pcm

PATIENCE_S = 20.0
LONG = "A sentence that takes some frames to be spoken. " * 8


def fake(control: Path, capacity: int = 4) -> tuple[str, ...]:
    """The command of a worker; it takes its orders from files in `control`."""
    return sys.executable, "-P", "-m", "tests.support.fakes", str(control), str(capacity)


def utterance(text: str, *, lane: Lane = Lane.RENDER, seed: int = 1) -> Utterance:
    return Utterance(text=text, voice=VoiceSpec(VoiceKind.PRESET, name="one"), lane=lane, seed=seed)


async def heard(take: Take) -> bytes:
    with anyio.fail_after(PATIENCE_S):
        return b"".join([pcm async for pcm in take.pcm()])


async def begun(take: Take) -> bytes:
    """The first audio of a take."""
    with anyio.fail_after(PATIENCE_S):
        pieces = take.pcm()
        first = await anext(pieces)
        await pieces.aclose()
        return first


async def whole(take: Take) -> None:
    """The take brings all of its utterance."""
    assert await heard(take) == fake_pcm(take.utterance)
    assert take.finish_reason is FinishReason.STOP
