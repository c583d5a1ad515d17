"""Bytes that are made once and read by many."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from app.audio.live import spool
from app.audio.live.spool import KEPT_BYTES, Spool
from app.errors import StorageFailed
from tests.support.client import PATIENCE_S

pytestmark = pytest.mark.anyio


async def everything(kept: Spool) -> bytes:
    read = b""
    while len(read) < kept.size:
        read += await kept.read(len(read))
    return read


async def test_what_was_added_is_read_from_any_position_on(tmp_path: Path) -> None:
    kept, data = Spool(tmp_path), bytes(range(256)) * 4_096  # 1 MiB
    for start in range(0, len(data), 10_007):
        await kept.append(data[start : start + 10_007])

    assert kept.size == len(data)
    assert await everything(kept) == data
    for position in (0, 1, 300_000, len(data) - 1):
        piece = await kept.read(position)
        assert piece
        assert data[position:].startswith(piece)
    kept.close()


async def test_a_few_sentences_never_see_the_disk(tmp_path: Path) -> None:
    kept = Spool(tmp_path / "is not there")
    await kept.append(bytes(KEPT_BYTES))

    assert await everything(kept) == bytes(KEPT_BYTES)
    kept.close()


async def test_a_folder_that_is_gone_is_a_failure_of_the_storage(tmp_path: Path) -> None:
    kept = Spool(tmp_path / "is not there")
    with pytest.raises(StorageFailed, match="cannot be kept: No such file"):
        await kept.append(bytes(KEPT_BYTES + 1))
    kept.close()


async def test_the_file_has_no_name(tmp_path: Path) -> None:
    kept = Spool(tmp_path)
    await kept.append(bytes(4 * KEPT_BYTES))

    assert not list(tmp_path.iterdir())
    kept.close()


async def test_a_reader_that_gives_up_leaves_the_file_to_the_thread_that_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, reading, may_read = Spool(tmp_path), asyncio.Event(), asyncio.Event()
    await kept.append(bytes(4 * KEPT_BYTES))

    read: list[bytes] = []

    async def held(work: Callable[[int, int], bytes], count: int, position: int) -> bytes:
        reading.set()
        await may_read.wait()
        read.append(work(count, position))
        return read[0]

    monkeypatch.setattr(spool.asyncio, "to_thread", held)
    reader = asyncio.create_task(kept.read(0))
    await reading.wait()
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    kept.close()
    may_read.set()
    with anyio.fail_after(PATIENCE_S):
        while not read:
            await anyio.lowlevel.checkpoint()

    assert read == [bytes(spool.READ_BYTES)]
