"""The tables, as SQLAlchemy Core sees them. Their history is in `migrations/`; a test holds the two together.

Times are integers, microseconds since 1970 in UTC: they sort, and they compare without parsing.
"""

from sqlalchemy import (
    DDL,
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    event,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

voices = Table(
    "voices",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),  # preset, clone, design
    Column("display_name", String, nullable=False),
    Column("model_id", String, nullable=False),
    Column("name", String, nullable=False),  # the model's own name of a preset
    Column("language_hint", String),
    Column("transcript", Text),
    Column("created_at", Integer, nullable=False),
    Column("description", Text),  # of a design
)

#: What the engine remembers from one start to the next, by name.
preferences = Table(
    "preferences",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False),
    sqlite_with_rowid=False,
)

jobs = Table(
    "jobs",
    metadata,
    # The order of submission, and the key by which the other tables refer to a job.
    Column("seq", Integer, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("lane", String, nullable=False),
    Column("status", String, nullable=False),
    Column("voice_id", String, nullable=False),  # no foreign key: a voice may go, its jobs' history stays
    Column("model_id", String, nullable=False),
    Column("language", String, nullable=False),
    Column("settings", JSON, nullable=False),
    Column("formats", JSON, nullable=False),
    Column("seed", Integer, nullable=False),
    Column("title", String),
    Column("tags", JSON, nullable=False),
    Column("characters", Integer, nullable=False),
    Column("chunks_total", Integer),
    Column("chunks_done", Integer, nullable=False, server_default="0"),
    Column("characters_done", Integer, nullable=False, server_default="0"),
    Column("samples", Integer, nullable=False, server_default="0"),
    Column("last_seq", Integer, nullable=False, server_default="0"),
    Column("work_us", Integer, nullable=False, server_default="0"),
    Column("created_at", Integer, nullable=False),
    Column("started_at", Integer),
    Column("finished_at", Integer),
    Column("error", JSON(none_as_null=True)),
    Column("warnings", JSON, nullable=False),
    Column("idempotency_key", String, unique=True),
    Column("request_sha256", String, nullable=False),
    Column("refused_takes", Integer, nullable=False, server_default="0"),
    Column("encoding", JSON, nullable=False, server_default=text("'{}'")),  # by format, of those with an encoder
    sqlite_autoincrement=True,  # a number is never used again, so a page of history cannot be re-ordered
)
# Every filter of the history has an index that ends in the order of the pages, (created_at, seq): SQLite
# appends the rowid, which is `seq`, to each index by itself.
Index(None, jobs.c.created_at)
Index(None, jobs.c.status, jobs.c.created_at)
Index(None, jobs.c.lane, jobs.c.created_at)
Index(None, jobs.c.voice_id, jobs.c.created_at)
Index(None, jobs.c.model_id, jobs.c.created_at)
Index("ix_jobs_queue", jobs.c.lane, sqlite_where=text("status = 'queued'"))

job_texts = Table(
    "job_texts",
    metadata,
    Column("job_seq", Integer, ForeignKey("jobs.seq", ondelete="CASCADE"), primary_key=True),
    Column("text", Text, nullable=False),
)

job_tags = Table(
    "job_tags",
    metadata,
    Column("tag", String, primary_key=True),
    Column("created_at", Integer, primary_key=True),
    Column("job_seq", Integer, ForeignKey("jobs.seq", ondelete="CASCADE"), primary_key=True, index=True),
    sqlite_with_rowid=False,
)

chunks = Table(
    "chunks",
    metadata,
    Column("job_seq", Integer, ForeignKey("jobs.seq", ondelete="CASCADE"), primary_key=True),
    Column("chunk_index", Integer, primary_key=True),
    Column("start_char", Integer, nullable=False),
    Column("end_char", Integer, nullable=False),
    Column("boundary", String, nullable=False),
    Column("state", String, nullable=False, server_default="pending"),  # pending, done, gap
    Column("attempts", Integer, nullable=False, server_default="0"),  # takes that were made and refused
    Column("seed", Integer),
    Column("finish_reason", String),
    Column("start_sample", Integer),
    Column("end_sample", Integer),
    Column("last_seq", Integer),  # the AUDIO_CHUNK that ends this chunk
    Column("silence", Integer),  # samples at the end of the audio up to here that cannot be heard, volume aside
    Column("pause", Integer),  # samples of silence due before the next sound
    sqlite_with_rowid=False,
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("job_seq", Integer, ForeignKey("jobs.seq", ondelete="CASCADE"), primary_key=True),
    Column("format", String, primary_key=True),
    Column("file_name", String, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("samples", Integer, nullable=False),
    Column("created_at", Integer, nullable=False),
    sqlite_with_rowid=False,
)

#: The day of the rows that are about all days together.
ALL_DAYS = -1

#: Sums over the jobs that were submitted on a day, deleted ones too, kept by the triggers below.
job_totals = Table(
    "job_totals",
    metadata,
    Column("day", Integer, primary_key=True),  # days since 1970 in UTC, or ALL_DAYS
    Column("lane", String, primary_key=True),
    Column("model_id", String, primary_key=True),
    Column("voice_id", String, primary_key=True),
    Column("jobs", Integer, nullable=False),
    Column("completed", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("canceled", Integer, nullable=False),
    Column("characters", Integer, nullable=False),
    Column("samples", Integer, nullable=False),
    Column("work_us", Integer, nullable=False),
    Column("refused_takes", Integer, nullable=False),
    sqlite_with_rowid=False,
)

#: Nothing that writes a job can forget the totals. A migration that makes the table of jobs anew loses the
#: triggers; `schema.py` makes them again after every upgrade.
TOTALS_TRIGGERS = {
    "job_totals_added": """
CREATE TRIGGER job_totals_added AFTER INSERT ON jobs BEGIN
 INSERT INTO job_totals
 SELECT day, NEW.lane, NEW.model_id, NEW.voice_id, 1,
  NEW.status = 'completed', NEW.status = 'failed', NEW.status = 'canceled',
  NEW.characters, NEW.samples, NEW.work_us, NEW.refused_takes
 FROM (SELECT -1 AS day UNION ALL SELECT NEW.created_at / 86400000000)
 WHERE true
 ON CONFLICT (day, lane, model_id, voice_id) DO UPDATE SET
  jobs = jobs + 1,
  completed = completed + excluded.completed,
  failed = failed + excluded.failed,
  canceled = canceled + excluded.canceled,
  characters = characters + excluded.characters,
  samples = samples + excluded.samples,
  work_us = work_us + excluded.work_us,
  refused_takes = refused_takes + excluded.refused_takes;
END""",
    "job_totals_changed": """
CREATE TRIGGER job_totals_changed
AFTER UPDATE OF status, characters, samples, work_us, refused_takes ON jobs BEGIN
 UPDATE job_totals SET
  completed = completed + (NEW.status = 'completed') - (OLD.status = 'completed'),
  failed = failed + (NEW.status = 'failed') - (OLD.status = 'failed'),
  canceled = canceled + (NEW.status = 'canceled') - (OLD.status = 'canceled'),
  characters = characters + NEW.characters - OLD.characters,
  samples = samples + NEW.samples - OLD.samples,
  work_us = work_us + NEW.work_us - OLD.work_us,
  refused_takes = refused_takes + NEW.refused_takes - OLD.refused_takes
 WHERE day IN (-1, NEW.created_at / 86400000000)
  AND lane = NEW.lane AND model_id = NEW.model_id AND voice_id = NEW.voice_id;
END""",
}

#: Searched by `?text=`: title and the beginning of the text, as trigrams, so that a match may start inside a
#: word and scripts without spaces are found too. The rowid is `jobs.seq`.
SEARCH_TABLE = "job_search"
CREATE_SEARCH = f"CREATE VIRTUAL TABLE {SEARCH_TABLE} USING fts5(words, tokenize='trigram')"
SEARCHED_CHARS = 2_000

#: For words of two characters, which trigrams cannot find, in scripts without spaces: `pairs.py` has the tokens.
#: Without a copy of them: they are made again from `words` to delete them.
PAIRS_TABLE = "job_search_pairs"
CREATE_PAIRS = (
    f"CREATE VIRTUAL TABLE {PAIRS_TABLE} USING fts5(pairs, content='', columnsize=0, detail=none, tokenize='ascii')"
)

#: Receivers of the message that a job has ended: one job, or all (without a job).
webhooks = Table(
    "webhooks",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("job_seq", Integer, ForeignKey("jobs.seq", ondelete="CASCADE"), index=True),
    Column("url", Text, nullable=False),
    Column("secret", Text, nullable=False),
)

#: What is still to be sent. It needs neither its job nor its webhook any more.
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String, primary_key=True),
    Column("url", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("for_all", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),  # tries that failed
    Column("due_at", Integer, nullable=False, index=True),
    Column("ended_at", Integer, nullable=False),
    # The job as it was then.
    Column("job_id", String, nullable=False),
    Column("status", String, nullable=False),
    Column("lane", String, nullable=False),
    Column("title", String),
    Column("tags", JSON, nullable=False),
    Column("voice_id", String, nullable=False),
    Column("model_id", String, nullable=False),
    Column("formats", JSON, nullable=False),
    Column("characters", Integer, nullable=False),
    Column("samples", Integer, nullable=False),
    Column("error", JSON(none_as_null=True)),
)

#: Whatever ends a job, the same transaction has the messages about it.
DELIVERY_TRIGGER = """
CREATE TRIGGER job_deliveries AFTER UPDATE OF status ON jobs
WHEN NEW.status IN ('completed', 'failed', 'canceled')
 AND OLD.status NOT IN ('completed', 'failed', 'canceled') BEGIN
 INSERT INTO deliveries (
  id, url, secret, for_all, ended_at, due_at, job_id, status, lane, title, tags,
  voice_id, model_id, formats, characters, samples, error)
 SELECT 'msg_' || lower(hex(randomblob(16))), url, secret, job_seq IS NULL,
  coalesce(NEW.finished_at, NEW.created_at), 0,
  NEW.id, NEW.status, NEW.lane, NEW.title, NEW.tags,
  NEW.voice_id, NEW.model_id, NEW.formats, NEW.characters, NEW.samples, NEW.error
 FROM webhooks WHERE job_seq = NEW.seq OR job_seq IS NULL;
END"""

#: By name: they go with the table of jobs when a migration makes that anew.
TRIGGERS = {**TOTALS_TRIGGERS, "job_deliveries": DELIVERY_TRIGGER}

for _statement in (CREATE_SEARCH, CREATE_PAIRS, *TRIGGERS.values()):
    event.listen(metadata, "after_create", DDL(_statement))
