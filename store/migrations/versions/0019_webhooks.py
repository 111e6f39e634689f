"""webhooks wait in an outbox of their own, which takes over that of budget alerts"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

TAKE_OVER = """
INSERT INTO webhook_deliveries (id, endpoint, event, body, status, tries, next_at, created_at, give_up_at)
SELECT id, 'alert_webhook', 'budget.share_reached', body, 'waiting', tries, next_at, created_at, created_at + 259200000
FROM budget_alerts
"""


def upgrade() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("endpoint", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("result", sa.String(), nullable=True),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("give_up_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("webhook_deliveries_due", "webhook_deliveries", ["endpoint", "next_at", "id"])
    op.create_index("webhook_deliveries_by_end", "webhook_deliveries", ["finished_at"])
    op.execute(TAKE_OVER)
    op.drop_table("budget_alerts")
