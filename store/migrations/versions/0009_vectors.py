"""messages may have a vector that says what they mean"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "message_vectors",
        sa.Column("owner_id", sa.String(), nullable=False),
        sa.Column("thread_id", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("pk", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id", "thread_id"], ["threads.owner_id", "threads.id"], ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("owner_id", "thread_id", "model", "pk"),
        sqlite_with_rowid=False,
    )
