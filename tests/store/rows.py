"""Tiny builders of stored conversations."""

from sqlalchemy import Connection

from context.messages import Message, Role, Status, TextPart
from store import messages, threads
from store.database import Database
from store.messages import NewMessage, StoredMessage

ROLES: dict[str, Role] = {"u": "user", "a": "assistant"}


async def thread(database: Database, thread_id: str, *lines: str, owner: str = "ada") -> None:
    """A thread whose messages follow one another.

    A line is `u m1: words`; `u m1 < m0: words` puts it under m0 instead, `u m1 < : words` makes it a root.
    """

    def write(connection: Connection) -> None:
        threads.create(connection, owner, thread_id, now=1)
        known: dict[str, Message] = {}
        above: Message | None = None
        for line in lines:
            head, _, words = line.partition(": ")
            name, fork, under = head.partition(" <")
            letter, message_id = name.split()
            if fork:
                above = known[under.strip()] if under.strip() else None
            new = new_message(message_id, words, parent=above, role=ROLES[letter])
            messages.add(connection, owner, thread_id, new)
            above = known[message_id] = new.message

    await database.write(write)


def new_message(
    id: str,
    words: str,
    *,
    parent: Message | None,
    role: Role = "user",
    status: Status = "complete",
    at: int = 1,
) -> NewMessage:
    """A message as it is stored first; as many tokens as words. One that is still being written has no words."""
    return NewMessage(
        id=id,
        parent=parent,
        role=role,
        status=status,
        parts=(TextPart(text=words),) if status == "complete" else (),
        tokens=len(words.split()),
        turn_id="turn",
        created_at=at,
    )


def message(connection: Connection, id: str, owner: str = "ada") -> Message:
    """A stored message, which must be there."""
    stored = messages.get(connection, owner, id)
    assert stored is not None
    return stored.message


def ids(stored: list[StoredMessage]) -> str:
    """Ids in a row."""
    return " ".join(row.message.id for row in stored)
