"""search and recall: words have the stems of their language; every message is indexed anew while the server runs

Only a mark is set here (`store.search.rebuild`): no replica waits for an index to be built.
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE message_search_rebuild (up_to BIGINT NOT NULL)")
    op.execute("INSERT INTO message_search_rebuild (up_to) SELECT coalesce(max(pk), 0) FROM messages")
