"""recall: an index of stems for each thread, and one from which a thread's outline is read"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    lite = op.get_bind().dialect.name == "sqlite"
    op.create_index(
        "messages_outline",
        "messages",
        [
            "owner_id",
            "thread_id",
            "depth",
            "pk",
            "id",
            "parent_id",
            "role",
            "tokens",
            "refused",
            "created_at",
        ],
        sqlite_where=sa.text("depth >= 0"),
        postgresql_where=sa.text("depth >= 0"),
    )
    if lite:
        op.execute(
            "CREATE VIRTUAL TABLE message_search_stems USING fts5("
            "stems, content='', contentless_delete=1, detail=none, tokenize='ascii')"
        )
    else:
        op.execute(
            "CREATE TABLE message_search_stems (pk BIGINT PRIMARY KEY REFERENCES messages (pk) ON DELETE CASCADE, "
            "stems tsvector NOT NULL)"
        )
        # Kept in the row: vectors moved out of line make a full scan look cheap to the planner, which does not count unpacking.
        op.execute("ALTER TABLE message_search_stems ALTER COLUMN stems SET STORAGE MAIN")
        op.execute("CREATE INDEX message_search_stems_by_stem ON message_search_stems USING gin (stems)")
