"""recall: messages are indexed anew, with the kinds of things they name; on Postgres a word's list is cut into stretches"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        op.execute("INSERT INTO message_search_stems (message_search_stems) VALUES ('delete-all')")
        return
    op.execute("DROP INDEX message_search_stems_by_stem")
    op.execute("TRUNCATE message_search_stems")
    # Without the list of pending entries, which every search would read from end to end: a turn searches far more often than it adds.
    op.execute(
        "CREATE INDEX message_search_stems_by_stem ON message_search_stems USING gin (stems) WITH (fastupdate = off)"
    )
