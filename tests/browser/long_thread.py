"""A thread of 5,000 messages, written straight into the database."""

from sqlalchemy import Connection, insert

from store import threads
from store.local_user import LOCAL
from store.tables import messages
from tests.palaver import Palaver

MANY = 5_000


async def fill(app: Palaver, thread_id: str, count: int = MANY) -> None:
    """Questions and answers in turn, written past the turns that would have made them."""

    def write(connection: Connection) -> None:
        threads.create(connection, LOCAL, thread_id, now=0, title="Long")
        rows = [
            {
                "owner_id": LOCAL,
                "id": f"m{n}",
                "thread_id": thread_id,
                "parent_id": f"m{n - 1}" if n else None,
                "depth": n,
                "role": "assistant" if n % 2 else "user",
                "status": "complete",
                "parts": [
                    {"type": "text", "text": f"This is message {n} here. " + "Some words. " * (n % 40)}
                ],
                "tokens": 10,
                "refused": False,
                "turn_id": f"turn_{n // 2}",
                "created_at": n,
            }
            for n in range(count)
        ]
        connection.execute(insert(messages), rows)
        threads.change(connection, LOCAL, thread_id, leaf_id=f"m{count - 1}", updated_at=count)

    await app.deps.database.write(write)
