"""Tiny builders of stored conversations."""

from sqlalchemy.ext.asyncio import AsyncConnection

from context.messages import Message, Role, TextPart
from store import messages, threads
from store.database import Database
from store.messages import StoredMessage

ROLES: dict[str, Role] = {"u": "user", "a": "assistant"}


async def thread(database: Database, thread_id: str, *lines: str, owner: str = "ada") -> None:
    """A thread whose messages follow one another.

    A line is `u m1: words`; `u m1 < m0: words` puts it under m0 instead, `u m1 < : words` makes it a root.
    """

    async def write(connection: AsyncConnection) -> None:
        await threads.create(connection, owner, thread_id, now=1)
        known: dict[str, Message] = {}
        above: Message | None = None
        for line in lines:
            head, _, words = line.partition(": ")
            name, fork, under = head.partition(" <")
            letter, message_id = name.split()
            if fork:
                above = known[under.strip()] if under.strip() else None
            parts = (TextPart(text=words),)
            await messages.add(
                connection,
                owner,
                thread_id,
                messages.NewMessage(
                    id=message_id,
                    parent=above,
                    role=ROLES[letter],
                    status="complete",
                    parts=parts,
                    tokens=len(words.split()),
                    turn_id="turn",
                    created_at=1,
                ),
            )
            above = known[message_id] = Message(
                id=message_id,
                parent_id=None if above is None else above.id,
                role=ROLES[letter],
                status="complete",
                parts=parts,
                depth=0 if above is None else above.depth + 1,
                tokens=len(words.split()),
            )

    await database.write(write)


def ids(found: list[StoredMessage]) -> str:
    """Ids in a row."""
    return " ".join(one.message.id for one in found)
