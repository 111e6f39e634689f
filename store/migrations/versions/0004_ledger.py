"""the full ledger, budgets and pins: who, for what, how long, at what exact price"""

from decimal import Decimal

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

USAGE = sa.table(
    "usage",
    sa.column("id", sa.String),
    sa.column("cost_usd", sa.String),
    sa.column("cost_pico", sa.BigInteger),
)


def upgrade() -> None:
    op.add_column("threads", sa.Column("tier_pin", sa.String(), nullable=True))
    op.add_column("turns", sa.Column("token", sa.String(), nullable=True))
    op.add_column("turns", sa.Column("feature", sa.String(), nullable=True))
    _usage()
    op.create_table(
        "budgets",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("period_start", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("reserved", sa.BigInteger(), nullable=False),
        sa.Column("alerted", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", "period_start"),
    )
    op.create_index("budgets_by_period", "budgets", ["period_start"])
    op.create_table(
        "open_calls",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("owner_id", sa.String(), nullable=False),
        sa.Column("thread_id", sa.String(), nullable=True),
        sa.Column("turn_id", sa.String(), nullable=True),
        sa.Column("token", sa.String(), nullable=True),
        sa.Column("feature", sa.String(), nullable=True),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("tier", sa.String(), nullable=True),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("prompt", sa.Integer(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("reserved", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("open_calls_by_turn", "open_calls", ["turn_id"])
    op.create_index("open_calls_by_time", "open_calls", ["created_at"])


def _usage() -> None:
    op.add_column("usage", sa.Column("token", sa.String(), nullable=True))
    op.add_column("usage", sa.Column("feature", sa.String(), nullable=True))
    op.add_column("usage", sa.Column("tier", sa.String(), nullable=True))
    op.add_column("usage", sa.Column("cost_pico", sa.BigInteger(), nullable=True))
    op.add_column("usage", sa.Column("status", sa.Integer(), nullable=True))
    op.add_column("usage", sa.Column("queue_ms", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("usage", sa.Column("first_byte_ms", sa.Integer(), nullable=True))
    connection = op.get_bind()
    priced = sa.select(USAGE.c.id, USAGE.c.cost_usd).where(USAGE.c.cost_usd.is_not(None))
    costs = [
        {"call": id, "pico": int(Decimal(cost).scaleb(12))} for id, cost in connection.execute(priced).all()
    ]
    if costs:  # all at once: one at a time a large ledger keeps the start waiting for minutes
        exact = sa.update(USAGE).where(USAGE.c.id == sa.bindparam("call"))
        connection.execute(exact.values(cost_pico=sa.bindparam("pico")), costs)
    with op.batch_alter_table("usage") as batch:
        batch.drop_column("cost_usd")
        batch.alter_column("queue_ms", server_default=None)
    op.create_index("usage_by_day", "usage", ["created_at"])
