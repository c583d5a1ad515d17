"""The schema: one, however a file came to it; and what happens to a file of another engine."""

import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine

from app.errors import StartFailed
from app.inference.model import Lane, VoiceKind
from app.store import schema
from app.store.chunks import ChunkStore
from app.store.database import Database
from app.store.history import History
from app.store.jobs import JobStore
from app.store.rows import Artifact, Changes, HistoryFilter, Job, Voice
from app.store.tables import SEARCH_TABLE, metadata
from app.store.totals import Grouping, JobTotals, TotalsFilter
from app.store.voices import VoiceStore
from tests.store.samples import added, plan_of, row_counts, scalar

pytestmark = pytest.mark.anyio

Revise: TypeAlias = Callable[..., None]

#: Of the engine as it is; some tests bring a later one.
HEAD = schema.HEAD

#: What an upgrade of the future may well do: make the table of jobs anew, with a column more.
REBUILD = """
    with op.batch_alter_table("jobs", recreate="always") as batch:
        batch.add_column(sa.Column("note", sa.String(), nullable=True))
"""


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def migrated(path: Path, revision: str = "head", *, down: bool = False) -> None:
    """Bring a file to a revision with Alembic itself, as a developer would."""
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    config.set_main_option("sqlalchemy.url", f"sqlite:///{path}")
    (command.downgrade if down else command.upgrade)(config, revision)


def described(path: Path) -> dict[str, Any]:
    """Everything that SQLite knows of the schema of a file."""
    with closing(sqlite3.connect(path)) as connection:
        objects = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
        found: dict[str, Any] = {
            f"{kind} {name}": (table, sql and re.sub(r"[\s\"]+", "", sql).casefold())
            for kind, name, table, sql in objects
        }
        for kind, name, *_ in objects:
            if kind == "table":
                for pragma in ("table_xinfo", "foreign_key_list"):
                    found[f"{pragma} {name}"] = connection.execute(f"PRAGMA {pragma}('{name}')").fetchall()
                indexes = connection.execute(f"PRAGMA index_list('{name}')").fetchall()
                found[f"indexes {name}"] = sorted(
                    (*index[1:], connection.execute(f"PRAGMA index_xinfo('{index[1]}')").fetchall())
                    for index in indexes
                )
    return found


async def created(path: Path) -> None:
    await (await Database.open(path)).close()


@pytest.fixture
def revise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Revise:
    """Add a revision 9000 to a copy of the migrations, which the engine takes for its own from then on."""

    def add(body: str) -> None:
        copy = tmp_path / "migrations"
        shutil.copytree(schema.MIGRATIONS, copy, ignore=shutil.ignore_patterns("__pycache__"))
        (copy / "versions" / "9000_more.py").write_text(
            "import sqlalchemy as sa\nfrom alembic import op\n\n"
            f"revision, down_revision, branch_labels, depends_on = '9000', '{HEAD}', None, None\n\n"
            f"def upgrade():\n{body}\n\ndef downgrade():\n    pass\n"
        )
        monkeypatch.setattr(schema, "MIGRATIONS", copy)
        monkeypatch.setattr(schema, "HEAD", "9000")

    return add


async def test_a_new_file_has_the_schema_that_all_migrations_give(tmp_path: Path) -> None:
    await created(tmp_path / "created.db")
    migrated(tmp_path / "migrated.db")

    assert described(tmp_path / "created.db") == described(tmp_path / "migrated.db")


def test_the_migrations_give_what_the_models_say(tmp_path: Path) -> None:
    migrated(tmp_path / "migrated.db")
    engine = create_engine(f"sqlite:///{tmp_path / 'migrated.db'}")

    def ours(_object: Any, name: str | None, kind: str, *_: Any) -> bool:
        return not (kind == "table" and name is not None and name.startswith(SEARCH_TABLE))

    def differences(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(
            connection, opts={"include_object": ours, "compare_server_default": True, "compare_type": True}
        )
        return list(compare_metadata(context, metadata))

    with engine.connect() as connection:
        found = differences(connection)
    engine.dispose()

    assert found == []


def test_the_head_of_the_engine_is_the_head_of_the_migrations() -> None:
    script = ScriptDirectory(str(schema.MIGRATIONS))

    assert script.get_heads() == [schema.HEAD]


async def test_a_new_file_is_marked_with_the_head(tmp_path: Path) -> None:
    await created(tmp_path / "q3tts.db")

    with closing(sqlite3.connect(tmp_path / "q3tts.db")) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(schema.HEAD,)]


async def test_a_migrated_file_is_opened_as_it_is_without_a_copy(tmp_path: Path) -> None:
    migrated(tmp_path / "q3tts.db")

    await created(tmp_path / "q3tts.db")

    assert files_in(tmp_path) == ["q3tts.db"]


def test_every_migration_can_be_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "migrated.db"
    migrated(path)
    before = described(path)

    migrated(path, "base", down=True)

    left = {name for name in described(path) if name.startswith("table ")}
    assert left == {"table alembic_version", "table sqlite_sequence"}
    migrated(path)
    assert described(path) == before


async def test_a_file_whose_migrations_were_all_taken_back_is_refused_in_words(tmp_path: Path) -> None:
    migrated(tmp_path / "q3tts.db")
    migrated(tmp_path / "q3tts.db", "base", down=True)

    with pytest.raises(StartFailed) as refused:
        await Database.open(tmp_path / "q3tts.db")

    assert refused.value.exit_code == 74


async def with_a_job(path: Path) -> Job:
    """A file with a completed job that has everything a job can have."""
    database = await Database.open(path)
    jobs = JobStore(database)
    await added(jobs, text="findable", tags=["one", "two"])
    job = await jobs.claim(Lane.RENDER)
    assert job is not None
    await ChunkStore(database).plan(job, plan_of(3, 8))
    wav = Artifact(format="wav", file_name="audio.wav", bytes=80, samples=0)
    completed = await jobs.complete(job, [wav], Changes(finished_at=1))
    assert completed is not None
    await database.close()
    return completed


async def test_an_older_file_is_upgraded_and_loses_nothing(tmp_path: Path, revise: Revise) -> None:
    """Dropping the old table of jobs must not take along what refers to it."""
    path = tmp_path / "q3tts.db"
    job = await with_a_job(path)
    revise(REBUILD)

    database = await Database.open(path)

    assert await scalar(database, "SELECT version_num FROM alembic_version") == "9000"
    assert await scalar(database, "SELECT count(*) FROM pragma_table_info('jobs') WHERE name = 'note'") == 1
    assert await JobStore(database).get(job.id) == job
    assert await row_counts(database) == {
        "jobs": 1, "job_texts": 1, "job_tags": 2, "chunks": 2, "artifacts": 1, "job_search": 1,
    }  # fmt: skip
    assert (await History(database).page(HistoryFilter(text="findable"), after=None, limit=2))[0] == [job]
    assert await scalar(database, "PRAGMA foreign_keys") == 1
    assert await scalar(database, "PRAGMA foreign_key_check") is None
    assert await JobStore(database).delete(job)
    assert set((await row_counts(database)).values()) == {0}
    await database.close()


async def test_the_copy_that_is_kept_before_an_upgrade_can_be_used_again(
    tmp_path: Path, revise: Revise, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "q3tts.db"
    job = await with_a_job(path)
    before = described(path)
    original = schema.MIGRATIONS
    revise(REBUILD)
    await created(path)
    (name,) = files_in(tmp_path / "backups")

    shutil.copy(tmp_path / "backups" / name, tmp_path / "restored.db")

    assert name.startswith(f"q3tts-{HEAD}-")
    assert described(tmp_path / "restored.db") == before
    monkeypatch.setattr(schema, "MIGRATIONS", original)
    monkeypatch.setattr(schema, "HEAD", HEAD)
    database = await Database.open(tmp_path / "restored.db")
    assert await JobStore(database).get(job.id) == job
    assert await scalar(database, "PRAGMA integrity_check") == "ok"
    await database.close()


async def test_a_file_of_the_first_engine_keeps_its_voices(tmp_path: Path) -> None:
    path = tmp_path / "q3tts.db"
    migrated(path, "0001")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO voices VALUES ('v', 'clone', 'Mine', 'm', '', 'en', 'Said.', 5)")

    database = await Database.open(path)

    assert await VoiceStore(database).get("v") == Voice(
        id="v", kind=VoiceKind.CLONE, display_name="Mine", model_id="m", name="", language_hint="en",
        transcript="Said.", created_at=5, description=None,
    )  # fmt: skip
    await database.close()


async def test_the_jobs_of_an_older_file_are_in_the_totals_and_found_by_two_characters(tmp_path: Path) -> None:
    path = tmp_path / "q3tts.db"
    migrated(path, "0003")
    job = (
        "INSERT INTO jobs (id, lane, status, voice_id, model_id, language, settings, formats, seed, tags,"
        " characters, samples, work_us, created_at, warnings, request_sha256)"
        " VALUES (?, 'render', ?, 'v', 'm', 'zh', '{}', '[]', 1, '[]', 7, 24000, 5, 86400000001, '[]', '')"
    )
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(job, [("a", "completed"), ("b", "failed")])
        connection.execute("INSERT INTO job_search (rowid, words) VALUES (1, '我去北京'), (2, 'no such word')")
        connection.execute(
            "INSERT INTO chunks (job_seq, chunk_index, start_char, end_char, boundary, attempts)"
            " VALUES (1, 0, 0, 3, 'sentence', 2), (1, 1, 3, 7, 'sentence', 1)"
        )

    database = await Database.open(path)

    total, groups = await JobTotals(database).of(TotalsFilter(), (Grouping.DAY,), limit=5)
    assert (total.jobs, total.completed, total.failed, total.refused_takes) == (2, 1, 1, 3)
    assert (total.characters, total.samples, total.work_us) == (14, 48000, 10)
    assert [(group.day, group.jobs) for group in groups] == [(1, 2)]
    found, _ = await History(database).page(HistoryFilter(text="北京"), after=None, limit=5)
    assert [one.id for one in found] == ["a"]
    await database.close()


async def test_an_upgrade_that_makes_the_table_of_jobs_anew_goes_on_counting(
    tmp_path: Path, revise: Revise
) -> None:
    path = tmp_path / "q3tts.db"
    await with_a_job(path)
    revise(REBUILD)

    database = await Database.open(path)
    await added(JobStore(database))

    total, _ = await JobTotals(database).of(TotalsFilter(), (), limit=1)
    assert total.jobs == 2
    await database.close()


async def test_no_more_than_three_copies_are_kept_the_newest(tmp_path: Path, revise: Revise) -> None:
    await created(tmp_path / "q3tts.db")
    old = (tmp_path / "q3tts.db").read_bytes()
    revise("    pass")
    names: list[str] = []
    for _ in range(5):
        (tmp_path / "q3tts.db").write_bytes(old)
        await created(tmp_path / "q3tts.db")
        names += [name for name in files_in(tmp_path / "backups") if name not in names]

    assert files_in(tmp_path / "backups") == names[-3:]
    assert len(names) == 5


async def test_a_copy_that_a_crash_left_half_written_is_removed(tmp_path: Path, revise: Revise) -> None:
    await created(tmp_path / "q3tts.db")
    (tmp_path / "backups").mkdir()
    (tmp_path / "backups" / f"q3tts-{HEAD}-1.partial").write_bytes(b"half")
    revise("    pass")

    await created(tmp_path / "q3tts.db")

    (name,) = files_in(tmp_path / "backups")
    assert name.endswith(".db")


async def test_without_a_copy_there_is_no_upgrade(tmp_path: Path, revise: Revise) -> None:
    path = tmp_path / "q3tts.db"
    await created(path)
    (tmp_path / "backups").write_text("not a folder")
    before = described(path)
    revise(REBUILD)

    with pytest.raises(StartFailed, match="no copy") as refused:
        await Database.open(path)

    assert refused.value.exit_code == 74
    assert described(path) == before


@pytest.mark.parametrize(
    "failure", ["    raise RuntimeError('half way')", "    op.execute('INSERT INTO nowhere VALUES (1)')"]
)
async def test_a_migration_that_fails_leaves_the_old_schema_and_every_row(
    tmp_path: Path, revise: Revise, failure: str
) -> None:
    path = tmp_path / "q3tts.db"
    await with_a_job(path)
    before = described(path)
    revise(
        f"{REBUILD}\n    op.execute('CREATE TABLE half (done)')\n    op.execute('DELETE FROM chunks')\n{failure}"  # noqa: S608
    )

    with pytest.raises((StartFailed, RuntimeError)):
        await Database.open(path)

    assert described(path) == before
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]
        assert connection.execute("SELECT count(*) FROM chunks").fetchall() == [(2,)]
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_a_migration_that_leaves_rows_without_their_owner_is_taken_back(
    tmp_path: Path, revise: Revise
) -> None:
    path = tmp_path / "q3tts.db"
    await with_a_job(path)
    revise("    op.execute('DELETE FROM jobs')")

    with pytest.raises(StartFailed, match="without their owner"):
        await Database.open(path)

    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM jobs").fetchall() == [(1,)]


async def test_a_file_of_a_newer_engine_is_refused_and_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "q3tts.db"
    await with_a_job(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = path.read_bytes()

    with pytest.raises(StartFailed, match="newer q3tts") as refused:
        await Database.open(path)

    assert refused.value.exit_code == 78
    assert "9999" in refused.value.message
    assert path.read_bytes() == before
    assert files_in(tmp_path) == ["q3tts.db"]


async def test_upgrading_twice_changes_nothing_the_second_time(tmp_path: Path, revise: Revise) -> None:
    path = tmp_path / "q3tts.db"
    await with_a_job(path)
    revise(REBUILD)
    await created(path)
    before = described(path), files_in(tmp_path / "backups")

    await created(path)

    assert (described(path), files_in(tmp_path / "backups")) == before
