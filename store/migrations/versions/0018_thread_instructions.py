"""a thread has instructions of its own, of which every version is kept"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("threads", sa.Column("instructions_digest", sa.String(), nullable=True))
    op.create_table(
        "thread_instructions",
        sa.Column(
            "pk", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("owner_id", sa.String(), nullable=False),
        sa.Column("thread_id", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("after_id", sa.String(), nullable=True),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id", "thread_id"], ["threads.owner_id", "threads.id"], ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("pk"),
    )
    op.create_index(
        "thread_instructions_by_digest", "thread_instructions", ["owner_id", "thread_id", "digest"]
    )
