"""The one connection to the one file. Knows SQLite, nothing of voices or jobs.

The file is opened in exclusive WAL mode: the lock that this takes is what allows one engine per data folder,
there is no shared-memory file to size when the disk is full, and SQLite's WAL-reset bug (up to 3.51.2), which
needs two connections, cannot happen. `synchronous=FULL`: a commit that returned survives a power cut.
"""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool

from app.errors import StartFailed, StorageFailed
from app.store import schema

PRAGMAS = (
    "locking_mode=EXCLUSIVE",  # before anything is read, or the WAL gets its shared-memory file
    "journal_mode=WAL",
    "synchronous=FULL",
    "fullfsync=1",  # macOS: an fsync that reaches the medium
    "checkpoint_fullfsync=1",
    "foreign_keys=ON",
    "trusted_schema=OFF",
    "cell_size_check=ON",
    "journal_size_limit=16777216",
    "temp_store=MEMORY",
)

#: SQLite's primary result codes for a disk that is full or fails.
STORAGE_CODES = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}


class Database:
    """Belongs to the event loop that opened it. One transaction at a time; the next waits its turn."""

    def __init__(self, engine: AsyncEngine, connection: AsyncConnection) -> None:
        self._engine = engine
        self._connection = connection
        self._turn = asyncio.Lock()

    @classmethod
    async def open(cls, path: Path) -> "Database":
        """Open or create the file and bring its schema up to date.

        Raises `StartFailed`: another engine has the folder (75), a newer engine wrote it (78), it cannot be
        read or is no database (74).
        """
        engine = create_async_engine(
            f"sqlite+aiosqlite:///{path}",
            poolclass=StaticPool,
            # No waiting for a lock: whoever holds it keeps it for as long as it lives.
            connect_args={"isolation_level": None, "timeout": 0},
        )
        event.listen(engine.sync_engine, "connect", _configure)
        # The driver is in autocommit mode, so that DDL and reads are inside the transaction too.
        event.listen(engine.sync_engine, "begin", _begin)
        try:
            connection = await engine.connect()
            try:
                await _bring_up_to_date(connection, path)
            except BaseException:
                await connection.close()
                raise
        except BaseException as error:
            await engine.dispose()
            if isinstance(error, DBAPIError):
                raise _start_failure(error, path) from error
            raise
        return cls(engine, connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[AsyncConnection]:
        """One transaction: committed when the block ends, rolled back when it raises.

        Raises `StorageFailed` when the disk is full or fails; nothing is half-written then.
        """
        async with self._turn:
            try:
                async with self._connection.begin():
                    yield self._connection
            except DBAPIError as error:
                if _primary_code(error) in STORAGE_CODES:
                    raise StorageFailed from error
                raise

    async def close(self) -> None:
        """Fold the WAL into the file and let go of it."""
        async with self._turn:
            await self._connection.close()
            await self._engine.dispose()


def _configure(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


async def _bring_up_to_date(connection: AsyncConnection, path: Path) -> None:
    async with connection.begin():
        revision = await connection.run_sync(schema.revision_of)
        if revision is None:
            await connection.run_sync(schema.create)
    if revision in (None, schema.HEAD):
        return
    config = schema.migrations_from(revision)
    await _back_up(connection, schema.backup_path(path.parent / "backups", revision))
    async with connection.begin():
        await connection.run_sync(schema.upgrade, config)


async def _back_up(connection: AsyncConnection, copy: Path) -> None:
    """Copy the whole database, written beside its place and renamed."""
    partial = copy.with_suffix(".partial")
    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None
    # Straight to the driver: VACUUM cannot run in a transaction, and SQLAlchemy begins one.
    await driver.execute("VACUUM INTO ?", (str(partial),))
    partial.replace(copy)


def _primary_code(error: DBAPIError) -> int:
    return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF


def _start_failure(error: DBAPIError, path: Path) -> StartFailed:
    code = _primary_code(error)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StartFailed(f"another q3tts uses {path.parent}; stop it, or choose another --data-dir", exit_code=75)
    return StartFailed(f"{path} cannot be used: {error.orig}", exit_code=74)
