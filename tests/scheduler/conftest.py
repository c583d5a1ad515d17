"""Fixtures: engines without clients."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.scheduler.room import OpenRoom, Room, opener


@pytest.fixture
def open_room(tmp_path: Path) -> OpenRoom:
    return opener(tmp_path)


@pytest.fixture
async def room(open_room: OpenRoom) -> AsyncGenerator[Room]:
    async with open_room() as opened:
        yield opened


@pytest.fixture
async def narrow(open_room: OpenRoom) -> AsyncGenerator[Room]:
    """An engine whose model does one utterance at a time."""
    async with open_room(capacity=1) as opened:
        yield opened
