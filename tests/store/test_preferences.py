"""Preferences: the last value that was put, also after a restart."""

from pathlib import Path

import pytest

from app.store.database import Database
from app.store.preferences import Preferences

pytestmark = pytest.mark.anyio


async def test_the_last_value_is_remembered_from_one_start_to_the_next(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "q3tts.db")
    await Preferences(database).put("color", "red")
    await Preferences(database).put("color", "blue")
    await Preferences(database).put("shape", "round")
    await database.close()

    database = await Database.open(tmp_path / "q3tts.db")

    assert await Preferences(database).get("color") == "blue"
    await database.close()


async def test_what_was_never_put_is_none(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "q3tts.db")

    assert await Preferences(database).get("color") is None
    await database.close()
