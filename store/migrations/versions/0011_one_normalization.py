"""search and recall: messages are indexed anew under one normalization for both databases

Words are split and normalized before they reach a database: FTS5 splits at spaces only, and tsvectors are written as they are.
The indexes emptied here and by earlier revisions are filled while the server runs (`store.search.rebuild`).
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        op.execute("INSERT INTO message_search_stems (message_search_stems) VALUES ('delete-all')")
        op.execute("DROP TABLE message_search")
        op.execute(
            "CREATE VIRTUAL TABLE message_search USING fts5("
            "words, content='', contentless_delete=1, tokenize='ascii', prefix='2 3')"
        )
    else:
        op.execute("TRUNCATE message_search_stems")
        op.execute("TRUNCATE message_search")
