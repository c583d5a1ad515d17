"""The connection: its guarantees, its lock, and what cannot hurt it."""

import asyncio
import os
import signal
import sqlite3
import stat
import subprocess
import threading
from pathlib import Path

import anyio
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.errors import StartFailed, StorageFailed
from app.store.database import Database
from app.store.jobs import JobStore
from tests.store.samples import added, files_in, new_job, row_counts, scalar
from tests.support.running import command

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"),
        ("locking_mode", "exclusive"),
        ("synchronous", 2),
        ("foreign_keys", 1),
        ("trusted_schema", 0),
        ("cell_size_check", 1),
        ("journal_size_limit", 16 * 1024 * 1024),
    ],
)
async def test_the_connection_is_set_up_for_safety(database: Database, pragma: str, value: object) -> None:
    assert await scalar(database, f"PRAGMA {pragma}") == value


async def test_no_shared_memory_file_is_needed(database: Database, jobs: JobStore, tmp_path: Path) -> None:
    await added(jobs)

    assert files_in(tmp_path) == ["q3tts.db", "q3tts.db-wal"]


async def test_a_second_engine_is_refused_for_as_long_as_the_first_lives(tmp_path: Path) -> None:
    first = await Database.open(tmp_path / "q3tts.db")

    for _ in range(3):
        with pytest.raises(StartFailed, match="another q3tts uses") as refused:
            await Database.open(tmp_path / "q3tts.db")
        assert refused.value.exit_code == 75

    job = await added(JobStore(first))
    await first.close()
    second = await Database.open(tmp_path / "q3tts.db")
    assert (await JobStore(second).get(job.id)).id == job.id
    await second.close()


async def test_a_refused_opening_leaves_no_thread(tmp_path: Path) -> None:
    first = await Database.open(tmp_path / "q3tts.db")
    before = set(threading.enumerate())

    with pytest.raises(StartFailed):
        await Database.open(tmp_path / "q3tts.db")
    (tmp_path / "other.db").write_bytes(b"not a database at all" * 50)
    with pytest.raises(StartFailed):
        await Database.open(tmp_path / "other.db")

    for thread in set(threading.enumerate()) - before:
        thread.join(10)  # it may be on its last line
        assert not thread.is_alive()
    await first.close()


async def test_closing_folds_the_log_into_the_file(tmp_path: Path) -> None:
    opened = await Database.open(tmp_path / "q3tts.db")
    await added(JobStore(opened))

    await opened.close()

    assert files_in(tmp_path) == ["q3tts.db"]


@pytest.mark.parametrize("name", ["what?", "50% of it", "a#b", "ünï cödé", 'it\'s; "quoted"'])
async def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()

    opened = await Database.open(folder / "q3tts.db")

    await opened.close()
    assert files_in(folder) == ["q3tts.db"]
    assert files_in(tmp_path) == [name]


async def test_a_file_that_is_not_a_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "q3tts.db"
    path.write_bytes(b"Dear diary, " * 1000)

    with pytest.raises(StartFailed, match="not a database") as refused:
        await Database.open(path)

    assert refused.value.exit_code == 74
    assert path.read_bytes() == b"Dear diary, " * 1000


async def test_a_database_of_another_program_is_refused_and_its_tables_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "q3tts.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE bookmarks (url)")
        connection.execute("INSERT INTO bookmarks VALUES ('x')")
    connection.close()

    with pytest.raises(StartFailed, match="not one of q3tts") as refused:
        await Database.open(path)

    assert refused.value.exit_code == 74
    with sqlite3.connect(path) as connection:
        names = connection.execute("SELECT name FROM sqlite_master").fetchall()
        assert names == [("bookmarks",)]
    connection.close()


async def test_a_folder_where_the_file_should_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "q3tts.db").mkdir()
    before = set(threading.enumerate())

    with pytest.raises(StartFailed) as refused:
        await Database.open(tmp_path / "q3tts.db")

    assert refused.value.exit_code == 74
    for thread in set(threading.enumerate()) - before:
        await asyncio.to_thread(thread.join, 10)  # it speaks to the loop once more, which must still be there


async def test_a_transaction_that_raises_leaves_nothing_behind(database: Database, jobs: JobStore) -> None:
    job = await added(jobs)

    async def change_and_raise() -> None:
        async with database.transaction() as connection:
            await connection.execute(text("DELETE FROM jobs"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await change_and_raise()

    assert (await jobs.get(job.id)).id == job.id


async def test_a_commit_that_fails_takes_everything_back_and_the_next_one_works(
    database: Database, jobs: JobStore
) -> None:
    async def leave_an_orphan() -> None:
        async with database.transaction() as connection:
            await connection.execute(text("PRAGMA defer_foreign_keys=ON"))  # only the commit will find it
            await connection.execute(text("INSERT INTO job_texts VALUES (99, 'of nobody')"))

    with pytest.raises(IntegrityError):
        await leave_an_orphan()

    assert (await row_counts(database))["job_texts"] == 0
    await added(jobs)


async def test_transactions_take_turns(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute(text("CREATE TABLE counter (value INTEGER)"))
        await connection.execute(text("INSERT INTO counter VALUES (0)"))

    async def count() -> None:
        async with database.transaction() as connection:
            value = (await connection.execute(text("SELECT value FROM counter"))).scalar_one()
            await anyio.lowlevel.checkpoint()
            await connection.execute(text("UPDATE counter SET value = :value"), {"value": value + 1})

    await asyncio.gather(*(count() for _ in range(50)))

    assert await scalar(database, "SELECT value FROM counter") == 50


async def test_canceling_a_task_at_any_moment_of_its_transaction_hurts_nobody(
    database: Database, jobs: JobStore
) -> None:
    """SQLAlchemy would drop the connection, and the next transaction would find the database locked."""
    outcomes: set[int] = set()
    for ticks in range(100):
        before = await row_counts(database)
        new = new_job(tags=["tag"])
        task = asyncio.create_task(jobs.add(new))
        for _ in range(ticks):
            await asyncio.sleep(0)
        task.cancel()
        neighbour = asyncio.create_task(jobs.counts())
        with anyio.fail_after(10):
            await asyncio.wait({task, neighbour})

        assert neighbour.exception() is None
        assert task.cancelled() or task.exception() is None
        made = (await row_counts(database))["jobs"] - before["jobs"]
        assert await row_counts(database) == {
            name: count + (made if name in ("jobs", "job_texts", "job_tags", "job_search") else 0)
            for name, count in before.items()
        }
        outcomes.add(made)

    assert await scalar(database, "PRAGMA locking_mode") == "exclusive"
    assert 0 in outcomes


async def test_a_task_that_is_canceled_twice_still_gives_its_turn_back(database: Database, jobs: JobStore) -> None:
    for ticks in range(0, 40, 3):
        task = asyncio.create_task(jobs.add(new_job()))
        for _ in range(ticks):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        with anyio.fail_after(10):
            await asyncio.wait({task})

        assert await scalar(database, "PRAGMA integrity_check") == "ok"


async def test_a_full_disk_is_reported_and_heals_by_itself(database: Database, jobs: JobStore) -> None:
    job = await added(jobs)
    before = await row_counts(database)
    pages = await scalar(database, "PRAGMA page_count")
    await scalar(database, f"PRAGMA max_page_count={pages}")

    with pytest.raises(StorageFailed):
        await jobs.add(new_job(text="x" * 1_000_000, tags=["a", "b"]))

    assert await row_counts(database) == before
    assert (await jobs.get(job.id)).id == job.id
    await scalar(database, "PRAGMA max_page_count=1000000")
    await added(jobs, text="x" * 1_000_000)
    assert await scalar(database, "PRAGMA integrity_check") == "ok"


async def test_an_error_that_is_not_the_disks_is_not_called_a_full_disk(database: Database) -> None:
    with pytest.raises(Exception, match="no such table") as raised:
        await scalar(database, "SELECT * FROM nowhere")

    assert not isinstance(raised.value, StorageFailed)


def test_what_was_committed_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "q3tts.db"
    with subprocess.Popen(command("committing", path), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"committed\n"
        os.kill(process.pid, signal.SIGKILL)

    async def look() -> int:
        reopened = await Database.open(path)
        try:
            return (await row_counts(reopened))["jobs"]
        finally:
            await reopened.close()

    assert asyncio.run(look()) == 5


async def test_the_files_have_the_modes_that_the_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        opened = await Database.open(tmp_path / "q3tts.db")
        await added(JobStore(opened))
        modes = {name: stat.S_IMODE(os.stat(tmp_path / name).st_mode) for name in files_in(tmp_path)}
        await opened.close()
    finally:
        os.umask(before)

    assert modes == {"q3tts.db": 0o600, "q3tts.db-wal": 0o600}
