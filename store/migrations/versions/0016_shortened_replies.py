"""a summary says which replies behind it are sent up to where; those stored before shorten none"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("summaries", sa.Column("shortened", sa.JSON(), nullable=True))
