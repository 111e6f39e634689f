"""a summary holds key facts beside its segments; those stored before have none"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("summaries", sa.Column("facts", sa.JSON(), nullable=True))
