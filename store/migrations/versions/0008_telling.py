"""recall: messages are indexed anew, with whether they tell when something was"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        op.execute("INSERT INTO message_search_stems (message_search_stems) VALUES ('delete-all')")
    else:
        op.execute("TRUNCATE message_search_stems")
