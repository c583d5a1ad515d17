"""Brings the file's schema to the one this engine knows: created when empty, upgraded when older (a copy is
kept first), refused when newer.

Alembic is imported only for an upgrade. Importing it takes as long as all the rest of the start, and a start
with nothing to upgrade is the usual one.
"""

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from app.errors import StartFailed
from app.store.tables import TRIGGERS, metadata

if TYPE_CHECKING:
    from alembic.config import Config

#: The newest revision in `migrations/versions`; a test compares the two.
HEAD = "0006"

#: Beside `app/`, in a checkout, an installed wheel and a frozen bundle alike.
MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"

BACKUPS_KEPT = 3

logger = logging.getLogger(__name__)


def revision_of(connection: Connection) -> str | None:
    """The revision of the file's schema; None when it has no tables at all."""
    names = inspect(connection).get_table_names()
    if not names:
        return None
    if "alembic_version" not in names:
        raise StartFailed(
            "the file is an SQLite database, but not one of q3tts; choose another --data-dir", exit_code=74
        )
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if revision is None:
        raise StartFailed("the database has no schema version; choose another --data-dir", exit_code=74)
    return revision


def create(connection: Connection) -> None:
    """Make all tables at once, as all migrations together would; there are none."""
    metadata.create_all(connection, checkfirst=False)
    connection.execute(
        text(
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL,"
            " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
        )
    )
    connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})


def migrations_from(revision: str) -> "Config":
    """Alembic's configuration for an upgrade from `revision`.

    Raises `StartFailed` (78) when the file was written by a newer engine.
    """
    # Its plugins announce themselves when they are imported.
    logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    # Built without alembic.ini: its logging section would silence the engine's own loggers.
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    try:
        ScriptDirectory.from_config(config).get_revision(revision)
    except CommandError as error:
        raise StartFailed(
            f"the data folder was written by a newer q3tts (schema {revision}, this one knows {HEAD}); "
            "install that version again, or choose another --data-dir",
            exit_code=78,
        ) from error
    return config


def upgrade(connection: Connection, config: "Config") -> None:
    """Run the migrations up to `HEAD`, in the caller's transaction: all of them or none."""
    from alembic import command

    logger.info("upgrading the database to schema %s", HEAD)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    for name, statement in TRIGGERS.items():
        # They went with the old table where a migration made the table of jobs anew.
        connection.execute(text(f"DROP TRIGGER IF EXISTS {name}"))
        connection.execute(text(statement))
    # Checked by hand: the migrations run while the database does not.
    broken = connection.execute(text("PRAGMA foreign_key_check")).all()
    if broken:
        raise StartFailed(f"the upgrade to schema {HEAD} left {len(broken)} rows without their owner", exit_code=74)


def backup_path(folder: Path, revision: str) -> Path:
    """Where the copy of a file with schema `revision` goes; makes the folder and keeps it small."""
    folder.mkdir(mode=0o700, exist_ok=True)
    for left_behind in folder.glob("*.partial"):
        left_behind.unlink()
    oldest_first = sorted(folder.glob("q3tts-*.db"), key=lambda path: path.stat().st_mtime_ns)
    for old in oldest_first[: 1 - BACKUPS_KEPT]:
        old.unlink()
    return folder / f"q3tts-{revision}-{time.time_ns() // 1000}.db"
