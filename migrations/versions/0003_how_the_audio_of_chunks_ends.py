"""how the audio of chunks ends"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("chunks", sa.Column("silence", sa.Integer(), nullable=True))
    op.add_column("chunks", sa.Column("pause", sa.Integer(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("chunks") as batch:
        batch.drop_column("pause")
        batch.drop_column("silence")
