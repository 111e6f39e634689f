"""recall: messages are indexed with the name in front of them; every message is indexed anew while the server runs

Only a mark is set here (`store.search.rebuild`).
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("UPDATE message_search_rebuild SET up_to = (SELECT coalesce(max(pk), 0) FROM messages)")
