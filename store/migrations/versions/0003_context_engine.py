"""the context engine: ladders as summaries, lanes, what the service learns, predicted usage"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Nothing ever wrote to the first form of this table.
    op.drop_table("summaries")
    op.create_table(
        "summaries",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("owner_id", sa.String(), nullable=False),
        sa.Column("thread_id", sa.String(), nullable=False),
        sa.Column("upto_message_id", sa.String(), nullable=False),
        sa.Column("upto_depth", sa.Integer(), nullable=False),
        sa.Column("leaf_id", sa.String(), nullable=True),
        sa.Column("based_on", sa.String(), nullable=True),
        sa.Column("segments", sa.JSON(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("prompt_digest", sa.String(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id", "thread_id"], ["threads.owner_id", "threads.id"], ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "summaries_active",
        "summaries",
        ["owner_id", "thread_id", "upto_message_id"],
        unique=True,
        sqlite_where=sa.text("active"),
        postgresql_where=sa.text("active"),
    )
    op.create_index(
        "summaries_by_thread", "summaries", ["owner_id", "thread_id", "upto_message_id", "created_at"]
    )
    op.create_table(
        "lanes",
        sa.Column("owner_id", sa.String(), nullable=False),
        sa.Column("thread_id", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("state", sa.JSON(), nullable=False),
        sa.Column("turn_id", sa.String(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["owner_id", "thread_id"], ["threads.owner_id", "threads.id"], ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("owner_id", "thread_id", "model"),
    )
    op.create_index("lanes_due", "lanes", ["next_at"])
    op.create_table(
        "learned",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    with op.batch_alter_table("usage") as batch:
        batch.add_column(sa.Column("predicted", sa.JSON(), nullable=True))
        batch.add_column(sa.Column("shortfall", sa.String(), nullable=True))
