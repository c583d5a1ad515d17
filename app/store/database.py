"""The one connection to the one file. Knows SQLite, nothing of voices or jobs.

The file is opened in exclusive WAL mode: the lock that this takes is what allows one engine per data folder,
there is no shared-memory file to size when the disk is full, and SQLite's WAL-reset bug (up to 3.51.2), which
needs two connections, cannot happen. `synchronous=FULL`: a commit that returned survives a power cut.
"""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, CursorResult, Executable, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool
from sqlalchemy.util import await_only

from app.errors import StartFailed, StorageFailed
from app.process.files import atomic_write
from app.process.waiting import wait_uncancelled
from app.store import schema

PRAGMAS = (
    "locking_mode=EXCLUSIVE",  # before anything is read, or the WAL gets its shared-memory file
    "journal_mode=WAL",
    "synchronous=FULL",
    "fullfsync=1",  # macOS: an fsync that reaches the disk itself
    "checkpoint_fullfsync=1",
    "foreign_keys=ON",
    "trusted_schema=OFF",
    "cell_size_check=ON",
    "journal_size_limit=16777216",
    "temp_store=MEMORY",
)

#: SQLite's primary result codes for a disk that is full or fails.
STORAGE_CODES = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}


class Transaction:
    """What the block of a transaction may do.

    Each statement is waited for to its end, even by a task that is canceled meanwhile: SQLAlchemy would drop the
    connection, and with it the lock, and the next transaction would find the database locked.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def execute(
        self, statement: Executable, parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    ) -> CursorResult[*tuple[Any, ...]]:
        """Run a statement, with one set of parameters or with each of several."""
        return await wait_uncancelled(self._connection.execute(statement, parameters))


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
        read or is not a database (74).
        """
        engine = create_async_engine(
            URL.create("sqlite+aiosqlite", database=str(path)),  # as text, a "?" in the path would end it
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
            if isinstance(error, DBAPIError | sqlite3.Error):
                raise _start_failure(error, path) from error
            raise
        return cls(engine, connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Transaction]:
        """One transaction: committed when the block ends, rolled back when it raises.

        Raises `StorageFailed` when the disk is full or fails; nothing is half-written then.
        """
        async with self._turn:
            try:
                transaction = self._connection.begin()
                try:
                    await wait_uncancelled(transaction.start())
                    yield Transaction(self._connection)
                    # Inside: a full disk shows at the commit, and without a rollback the next one could not begin.
                    await wait_uncancelled(transaction.commit())
                except BaseException:
                    if self._connection.get_transaction() is not None:  # begun, and not committed
                        with suppress(DBAPIError):  # SQLite may have rolled back already
                            await wait_uncancelled(transaction.rollback())
                    await wait_uncancelled(self._roll_back())
                    raise
            except (DBAPIError, sqlite3.Error) as error:
                if _primary_code(error) in STORAGE_CODES:
                    raise StorageFailed from error
                raise

    async def _roll_back(self) -> None:
        """After a commit that failed, SQLAlchemy thinks that it is over, and SQLite may still be in it."""
        driver = (await self._connection.get_raw_connection()).driver_connection
        if driver is not None and driver.in_transaction:
            await driver.rollback()

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
    # Straight to the driver: SQLAlchemy's own way makes a cursor, which is three trips to the driver's thread.
    await_only(connection.connection.driver_connection.execute("BEGIN IMMEDIATE"))


async def _bring_up_to_date(connection: AsyncConnection, path: Path) -> None:
    async with connection.begin():
        revision = await connection.run_sync(schema.revision_of)
        if revision is None:
            await connection.run_sync(schema.create)
    if revision in (None, schema.HEAD):
        return
    config = schema.migrations_from(revision)
    try:
        with atomic_write(schema.backup_path(path.parent / "backups", revision)) as copy:
            await _outside(connection, "VACUUM INTO ?", copy.name)
    except (OSError, sqlite3.Error) as error:
        raise StartFailed(f"no copy of {path} can be kept before its upgrade: {error}", exit_code=74) from error
    # A migration that makes a table anew drops the old one, and every row that refers to it would go along.
    await _outside(connection, "PRAGMA foreign_keys=OFF")
    async with connection.begin():
        await connection.run_sync(schema.upgrade, config)
    await _outside(connection, "PRAGMA foreign_keys=ON")


async def _outside(connection: AsyncConnection, statement: str, *parameters: str) -> None:
    """Straight to the driver: what cannot run in a transaction, where SQLAlchemy would begin one."""
    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None
    await driver.execute(statement, parameters)


def _primary_code(error: DBAPIError | sqlite3.Error) -> int:
    return getattr(_of_sqlite(error), "sqlite_errorcode", 0) & 0xFF


def _of_sqlite(error: DBAPIError | sqlite3.Error) -> BaseException | None:
    """What SQLite said, with or without SQLAlchemy around it."""
    return error.orig if isinstance(error, DBAPIError) else error


def _start_failure(error: DBAPIError | sqlite3.Error, path: Path) -> StartFailed:
    code = _primary_code(error)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StartFailed(f"another q3tts uses {path.parent}; stop it, or choose another --data-dir", exit_code=75)
    return StartFailed(f"{path} cannot be used: {_of_sqlite(error)}", exit_code=74)
