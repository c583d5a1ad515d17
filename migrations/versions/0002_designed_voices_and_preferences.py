"""descriptions of designed voices; preferences"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("voices", sa.Column("description", sa.Text(), nullable=True))
    op.create_table(
        "preferences",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_preferences")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("preferences")
    with op.batch_alter_table("voices") as batch:
        batch.drop_column("description")
