"""Fixtures: a database in a folder of its own, and the stores on it."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from app.store.chunks import ChunkStore
from app.store.database import Database
from app.store.history import History
from app.store.jobs import JobStore
from app.store.voices import VoiceStore


@pytest.fixture
async def database(tmp_path: Path) -> AsyncGenerator[Database]:
    opened = await Database.open(tmp_path / "q3tts.db")
    yield opened
    await opened.close()


@pytest.fixture
def jobs(database: Database) -> JobStore:
    return JobStore(database)


@pytest.fixture
def chunks(database: Database) -> ChunkStore:
    return ChunkStore(database)


@pytest.fixture
def history(database: Database) -> History:
    return History(database)


@pytest.fixture
def voices(database: Database) -> VoiceStore:
    return VoiceStore(database)
