"""The parts of stored messages as JSON, and their text."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select

from store import sqlite
from store.tables import messages

_SQLITE_PARTS = "SELECT pk, id, parts FROM messages WHERE pk IN (SELECT value FROM json_each(:pks)) AND +owner_id = :owner"
_POSTGRES_PARTS = select(messages.c.pk, messages.c.id, messages.c.parts).where(
    messages.c.owner_id == bindparam("owner"), messages.c.pk.in_(bindparam("pks", expanding=True))
)


def text_of(parts: Iterable[Mapping[str, Any]], *, between: str = "\n\n") -> str:
    """The text parts, joined."""
    return between.join(part["text"] for part in parts if part["type"] == "text")


def parts_of(
    connection: Connection, owner_id: str, pks: Sequence[int]
) -> Iterable[tuple[int, str, list[dict[str, Any]]]]:
    """`pk`, id and parts of these messages."""
    if connection.dialect.name == "sqlite":
        rows = sqlite.rows(connection, _SQLITE_PARTS, {"owner": owner_id, "pks": json.dumps(pks)})
        return [(pk, id, json.loads(parts)) for pk, id, parts in rows]
    stored = connection.execute(_POSTGRES_PARTS, {"owner": owner_id, "pks": pks})
    return [(pk, id, parts) for pk, id, parts in stored]
