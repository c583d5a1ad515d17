"""totals of jobs, and the search for words of two characters"""

import sqlalchemy as sa
from alembic import op

from app.store.pairs import pairs_of

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ADDED = """
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
END"""

CHANGED = """
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
END"""

FILLED = """
INSERT INTO job_totals
SELECT {day} AS day, lane, model_id, voice_id, count(*),
 sum(status = 'completed'), sum(status = 'failed'), sum(status = 'canceled'),
 sum(characters), sum(samples), sum(work_us), sum(refused_takes)
FROM jobs GROUP BY 1, 2, 3, 4"""

#: How many jobs are made searchable at once.
BATCH = 1000


def upgrade() -> None:
    op.add_column("jobs", sa.Column("refused_takes", sa.Integer(), server_default="0", nullable=False))
    op.execute(
        "UPDATE jobs SET refused_takes = (SELECT sum(attempts) FROM chunks WHERE job_seq = seq)"
        " WHERE seq IN (SELECT job_seq FROM chunks WHERE attempts > 0)"
    )
    op.create_table(
        "job_totals",
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("lane", sa.String(), nullable=False),
        sa.Column("model_id", sa.String(), nullable=False),
        sa.Column("voice_id", sa.String(), nullable=False),
        *(
            sa.Column(name, sa.Integer(), nullable=False)
            for name in (
                *("jobs", "completed", "failed", "canceled"),
                *("characters", "samples", "work_us", "refused_takes"),
            )
        ),
        sa.PrimaryKeyConstraint("day", "lane", "model_id", "voice_id", name=op.f("pk_job_totals")),
        sqlite_with_rowid=False,
    )
    for day in ("-1", "created_at / 86400000000"):
        op.execute(FILLED.format(day=day))
    for trigger in (ADDED, CHANGED):
        op.execute(trigger)
    op.execute(
        "CREATE VIRTUAL TABLE job_search_pairs"
        " USING fts5(pairs, content='', columnsize=0, detail=none, tokenize='ascii')"
    )
    _pair()


def _pair() -> None:
    """Make the jobs that there are findable by pairs of characters."""
    connection = op.get_bind()
    after = 0
    select = sa.text("SELECT rowid, words FROM job_search WHERE rowid > :after ORDER BY rowid LIMIT :batch")
    insert = sa.text("INSERT INTO job_search_pairs (rowid, pairs) VALUES (:seq, :pairs)")
    while rows := connection.execute(select, {"after": after, "batch": BATCH}).all():
        after = rows[-1][0]
        paired = [{"seq": seq, "pairs": pairs} for seq, words in rows if (pairs := pairs_of(words))]
        if paired:
            connection.execute(insert, paired)


def downgrade() -> None:
    op.execute("DROP TABLE job_search_pairs")
    op.execute("DROP TRIGGER job_totals_changed")
    op.execute("DROP TRIGGER job_totals_added")
    op.drop_table("job_totals")
    with op.batch_alter_table("jobs") as batch:
        batch.drop_column("refused_takes")
