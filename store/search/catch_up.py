"""Find messages that the search indexes lack: what was stored while an index could not be written."""

from sqlalchemy import Connection, func, select, text

from context.messages import Part, part_from_json
from store.tables import messages

STRETCH = 2_000  # messages looked at in one read


def last_pk(connection: Connection) -> int:
    """The newest message's `pk`; 0 when there is none."""
    return connection.scalar(select(func.max(messages.c.pk))) or 0


def unindexed(connection: Connection, after: int) -> list[tuple[int, tuple[Part, ...]]]:
    """`pk` and parts of finished messages with text, among the `STRETCH` after `after`, that an index lacks. Of any owner."""
    key = "rowid" if connection.dialect.name == "sqlite" else "pk"
    missing = " OR ".join(
        f"NOT EXISTS (SELECT 1 FROM {index} WHERE {index}.{key} = messages.pk)"  # noqa: S608 - fixed names
        for index in ("message_search", "message_search_stems")
    )
    rows = connection.execute(
        select(messages.c.pk, messages.c.parts)
        .where(
            messages.c.pk > after,
            messages.c.pk <= after + STRETCH,
            messages.c.tokens > 0,
            messages.c.status != "streaming",
            text(f"({missing})"),
        )
        .order_by(messages.c.pk)
    )
    return [(row.pk, tuple(part_from_json(part) for part in row.parts)) for row in rows]
