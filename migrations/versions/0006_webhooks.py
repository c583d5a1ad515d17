"""webhooks, and what is still to be sent to them"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ENDED = """
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


def upgrade() -> None:
    op.create_table(
        "webhooks",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("job_seq", sa.Integer(), nullable=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["job_seq"], ["jobs.seq"], name=op.f("fk_webhooks_job_seq"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_webhooks")),
    )
    op.create_index(op.f("ix_webhooks_job_seq"), "webhooks", ["job_seq"])
    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("for_all", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", sa.Integer(), nullable=False),
        sa.Column("ended_at", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("lane", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=True),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("voice_id", sa.String(), nullable=False),
        sa.Column("model_id", sa.String(), nullable=False),
        sa.Column("formats", sa.JSON(), nullable=False),
        sa.Column("characters", sa.Integer(), nullable=False),
        sa.Column("samples", sa.Integer(), nullable=False),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
    )
    op.create_index(op.f("ix_deliveries_due_at"), "deliveries", ["due_at"])
    op.execute(ENDED)


def downgrade() -> None:
    op.execute("DROP TRIGGER job_deliveries")
    op.drop_table("deliveries")
    op.drop_table("webhooks")
