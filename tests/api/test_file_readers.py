"""A client that reads a file of a job is known for as long as it is sent."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from litestar.response import Stream

from app.api.ranges import PIECE_BYTES, sent
from app.audio.export.audio_file import AudioFile
from tests.api.asking import finished
from tests.support.client import Engine

pytestmark = pytest.mark.anyio


async def test_a_file_is_read_from_its_first_byte_to_its_last(tmp_path: Path) -> None:
    path, said = tmp_path / "audio.wav", list[str]()
    path.write_bytes(bytes(2 * PIECE_BYTES))

    @asynccontextmanager
    async def reading() -> AsyncGenerator[None]:
        said.append("begins")
        yield
        said.append("ends")

    async def find() -> AudioFile:
        return AudioFile(b"", path, 0, 2 * PIECE_BYTES, "1")

    request = cast("Any", SimpleNamespace(method="GET"))
    headers = dict.fromkeys(("range", "if_range", "if_none_match"))
    answer = cast("Stream", await sent(request, find, name="x", reading=reading, **headers))
    pieces = cast("AsyncGenerator[bytes]", answer.iterator)
    await anext(pieces)
    assert said == ["begins"]
    assert len([piece async for piece in pieces]) == 1
    assert said == ["begins", "ends"]


async def test_a_job_whose_file_is_read_is_not_pruned(shared: Engine) -> None:
    read, _ = await finished(shared, "It is read."), await finished(shared, "It is newer.")
    async with shared.parts.jobs.reading(read):
        pruned = await shared.post("/jobs/prune", {"keep_jobs": 1})
        assert pruned["in_use"] == 1
        await shared.get(f"/jobs/{read}")
