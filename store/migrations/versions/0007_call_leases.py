"""calls on their way have a lease: what a dead process left behind is told from what a living one waits for"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Empty for calls of an older version's processes, which do not renew it.
    op.add_column("open_calls", sa.Column("lease_until", sa.BigInteger(), nullable=True))
