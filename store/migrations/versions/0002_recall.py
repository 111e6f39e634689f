"""recall: an index of stems for each thread, and one from which a thread's outline is read"""

import sqlalchemy as sa
from alembic import op

from store.stems import lexemes, told

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BATCH = 500  # messages read at a time


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
        statement = "INSERT INTO message_search_stems (rowid, stems) VALUES (:pk, :stems)"
    else:
        op.execute(
            "CREATE TABLE message_search_stems (pk BIGINT PRIMARY KEY REFERENCES messages (pk) ON DELETE CASCADE, "
            "stems tsvector NOT NULL)"
        )
        # Kept in the row: vectors moved out of line make a full scan look cheap to the planner, which does not count unpacking.
        op.execute("ALTER TABLE message_search_stems ALTER COLUMN stems SET STORAGE MAIN")
        op.execute("CREATE INDEX message_search_stems_by_stem ON message_search_stems USING gin (stems)")
        statement = (
            "INSERT INTO message_search_stems (pk, stems) "
            "VALUES (:pk, array_to_tsvector(string_to_array(:stems, ' ')))"
        )
    _index_all(sa.text(statement))


def _index_all(statement: sa.TextClause) -> None:
    """Index what was said before there was this index, with the rules of the running version: they must agree with its own."""
    connection = op.get_bind()
    messages = sa.table(
        "messages",
        *(sa.column(name) for name in ("pk", "owner_id", "thread_id", "role")),
        sa.column("parts", sa.JSON()),
    )
    done = 0
    while True:
        query = sa.select(messages).where(messages.c.pk > done).order_by(messages.c.pk).limit(BATCH)
        rows = connection.execute(query).all()
        if not rows:
            return
        done = rows[-1].pk
        made = []
        for row in rows:
            words = "\n".join(part["text"] for part in row.parts if part["type"] == "text")
            if words.strip():
                held = lexemes(row.owner_id, row.thread_id, told(words, row.role))
                made.append({"pk": row.pk, "stems": " ".join(held)})
        if made:
            connection.execute(statement, made)
