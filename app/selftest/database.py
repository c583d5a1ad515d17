"""The database: a new one, and one of the oldest schema that the engine's own upgrade brings up to date."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from app.selftest.check import Place, Wrong, form
from app.store import schema
from app.store.database import Database


def look(here: Place) -> str:
    """From which schema to which, and that both ways end in the same tables."""
    folder = here.folder / "database"
    (folder / "old").mkdir(parents=True)
    new, old = folder / "new.db", folder / "old" / "old.db"
    if not (schema.MIGRATIONS / "env.py").is_file():
        raise Wrong(f"the migrations are missing: there is no {schema.MIGRATIONS / 'env.py'}", form().remedy)
    _bring_up_to_date(new)
    oldest = _make_oldest(old)
    _bring_up_to_date(old)
    if _revision(old) != schema.HEAD:
        raise Wrong(
            f"the upgrade ends at schema {_revision(old)}, and this engine knows {schema.HEAD}", form().remedy
        )
    fresh, upgraded = _columns(new), _columns(old)
    if fresh != upgraded:
        other = sorted({table for table, _ in fresh ^ upgraded})
        raise Wrong(f"an upgraded database is not like a new one: {', '.join(other)} differ", form().remedy)
    tables = len({table for table, _ in fresh})
    return f"SQLite {sqlite3.sqlite_version}, schema {oldest} upgraded to {schema.HEAD}, {tables} tables"


def _bring_up_to_date(path: Path) -> None:
    async def opened() -> None:
        await (await Database.open(path)).close()

    asyncio.run(opened())


def _make_oldest(path: Path) -> str:
    """A database as the first engine would have made it; its revision."""
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    config.set_main_option("sqlalchemy.url", f"sqlite:///{path}")
    bases = ScriptDirectory.from_config(config).get_bases()
    if len(bases) != 1:
        raise Wrong(f"{schema.MIGRATIONS} has {len(bases)} first migrations instead of one", form().remedy)
    command.upgrade(config, bases[0])
    return bases[0]


def _revision(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def _columns(path: Path) -> set[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            (table, str(column))
            for table in tables
            for _, column, *_ in connection.execute("SELECT * FROM pragma_table_info(?)", (table,))
        }
